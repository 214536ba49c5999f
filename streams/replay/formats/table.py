"""The formats of recorded logs: by name, or by looking at the file."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from streams.feed import Arrival
from streams.replay.formats import cloudevents, ga4, otto, rees46, retailrocket, segment, simulated, snowplow, yoochoose
from streams.replay.formats.bad_line import never_backwards
from streams.replay.formats.lines import LineFile, UnreadableFile
from streams.replay.sort import sort_to


class Format(NamedTuple):
    """How a format is recognised by a file's first line, and read: (numbered lines, file name, currency).

    `in_order`: its files are in the order of time. Others have to be sorted before they can be fed. `keyed`: an
    arrival's key, where it has one, is the shopper that its event names.
    """

    recognises: Callable[[bytes], bool]
    read: Callable[[Iterable[tuple[int, bytes]], str, str], Iterator[Arrival]]
    in_order: bool
    keyed: bool = True


FORMATS: Final = {
    "rees46": Format(rees46.recognises, rees46.read, in_order=True),
    "retailrocket": Format(retailrocket.recognises, retailrocket.read, in_order=False),
    "otto": Format(otto.recognises, otto.read, in_order=False),
    "yoochoose": Format(yoochoose.recognises, yoochoose.read, in_order=False),
    "segment": Format(segment.recognises, segment.read, in_order=True),
    "snowplow": Format(snowplow.recognises, snowplow.read, in_order=False),
    "ga4": Format(ga4.recognises, ga4.read, in_order=False),
    "cloudevents": Format(cloudevents.recognises, cloudevents.read, in_order=True),
    "simulated": Format(simulated.recognises, simulated.read, in_order=True, keyed=False),
}


class RecordedLog:
    """A recorded log that can be fed: `arrivals`, and how far it has been read."""

    def __init__(self, path: Path, format_name: str | None = None, currency: str = "USD") -> None:
        """Looks at the file where no format is named. Raises `UnreadableFile`, also where no format fits.

        `currency` is that of the prices in formats that do not say it.
        """
        self.file = LineFile(path)
        self.format_name = format_name or detected(self.file)
        self.in_order = FORMATS[self.format_name].in_order
        self._currency = currency

    def arrivals(self) -> Iterator[Arrival]:
        """All of the file, in the order in which it arrives: sorted on disk first, where it is not in that order.

        A row that is older than the one before it arrives together with it. Raises `UnreadableFile`, and
        `SorterMissing` where it has to be sorted and cannot be.
        """
        return never_backwards(self.as_written() if self.in_order else self._sorted())

    def as_written(self, mine: rees46.Mine | None = None) -> Iterator[Arrival]:
        """All of the file, in its own order, each with its own time, or none. Raises `UnreadableFile`.

        Of a shopper's row that is not `mine` a reader may leave out what it is (`ELSEWHERE`), where that saves time.
        """
        reader = FORMATS[self.format_name]
        if self.format_name != "rees46":
            return reader.read(self.file.numbered(), self.file.path.name, self._currency)
        if not reader.recognises(self.file.first()):
            raise UnreadableFile(self.file.path, f"its first line is not the header {rees46.HEADER.decode()}")
        return rees46.read(self.file.numbered(), self.file.path.name, self._currency, mine)

    def _sorted(self) -> Iterator[Arrival]:
        with TemporaryDirectory(prefix="kairos-sort-") as folder:
            path = Path(folder) / "sorted.jsonl"
            sort_to(path, self.as_written())
            yield from simulated.read(LineFile(path).numbered(), path.name)


def detected(file: LineFile) -> str:
    """The name of the format that recognises the file's first line."""
    first = file.first()
    for name, known in FORMATS.items():
        if known.recognises(first):
            return name
    reason = f"its first line is of no known format ({', '.join(FORMATS)}): {first[:60]!r}"
    raise UnreadableFile(file.path, reason)

"""The formats of recorded logs: by name, or by looking at the file."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from streams.feed import Arrival
from streams.replay.formats import rees46, segment, simulated
from streams.replay.formats.lines import LineFile, UnreadableFile


class Format(NamedTuple):
    """How a format is recognised by a file's first line, and read: (numbered lines, file name, currency)."""

    recognises: Callable[[bytes], bool]
    read: Callable[[Iterable[tuple[int, bytes]], str, str], Iterator[Arrival]]


FORMATS: Final = {
    "rees46": Format(rees46.recognises, rees46.read),
    "segment": Format(segment.recognises, segment.read),
    "simulated": Format(simulated.recognises, simulated.read),
}


class RecordedLog:
    """A recorded log that can be fed: `arrivals`, and how far it has been read."""

    def __init__(self, path: Path, format_name: str | None = None, currency: str = "USD") -> None:
        """Looks at the file where no format is named. Raises `UnreadableFile`, also where no format fits.

        `currency` is that of the prices in formats that do not say it.
        """
        self.file = LineFile(path)
        self.format_name = format_name or detected(self.file)
        self._currency = currency

    def arrivals(self) -> Iterator[Arrival]:
        """All of the file, in the order in which it arrives. Raises `UnreadableFile`."""
        reader = FORMATS[self.format_name]
        if self.format_name == "rees46" and not reader.recognises(self.file.first()):
            raise UnreadableFile(self.file.path, f"its first line is not the header {rees46.HEADER.decode()}")
        return reader.read(self.file.numbered(), self.file.path.name, self._currency)


def detected(file: LineFile) -> str:
    """The name of the format that recognises the file's first line."""
    first = file.first()
    for name, known in FORMATS.items():
        if known.recognises(first):
            return name
    reason = f"its first line is of no known format ({', '.join(FORMATS)}): {first[:60]!r}"
    raise UnreadableFile(file.path, reason)

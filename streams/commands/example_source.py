"""From what a command is given to examples: a log, which is run through the live pipeline, or those made earlier."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from rich.console import Console

from inference import enough
from inference.dataset import Example, Examples, Split, are_examples, gather, read_examples, split
from inference.heads import HOUR_MS
from streams.replay.data_quality import DataQuality, Source, data_quality, shown
from streams.replay.log_counts import LogCounts

_TOLD_EVERY = 1_000


def examples_of(source: Path, console: Console, counts: LogCounts | None = None) -> Examples:
    """The examples of a log, whose state is added to `counts`, or those that `kairos examples` left in a folder."""
    if are_examples(source):
        return read_examples(source)
    from streams.replay.engine import cores  # noqa: PLC0415 the pipeline, which reading examples does not need
    from streams.replay.examples import examples  # noqa: PLC0415

    return gather(_counted(examples(source, processes=cores(), counts=counts), console))


def _counted(examples: Iterable[Example], console: Console) -> Iterator[Example]:
    with console.status("reading the log: 0 examples") as status:
        for count, example in enumerate(examples, start=1):
            if count % _TOLD_EVERY == 0:
                status.update(f"reading the log: {count:,} examples")
            yield example


class Judged:
    """Examples with their parts, and the report on their quality."""

    def __init__(self, source: Path, gap_hours: float, console: Console) -> None:
        """Raises `ValueError` where there are no examples, or their time is too short for the gaps."""
        made_now = not are_examples(source)
        counts = LogCounts() if made_now else None
        self.examples = examples_of(source, console, counts)
        gap_ms = int(gap_hours * HOUR_MS)
        self.parts: Split = split(self.examples, gap_ms=gap_ms)
        origin = Source(name=source.name, sha256=hashlib.sha256(self.examples.tobytes()).hexdigest(), records=counts)
        self.quality: DataQuality = data_quality(origin, self.examples, self.parts, gap_ms)

    def check(self, console: Console, *, force: bool) -> None:
        """Show the report of a log, and raise `ValueError` where the examples are too thin, unless they are forced."""
        if self.quality.records is not None:
            console.print(shown(self.quality))
        enough.check(self.quality.parts, force=force)

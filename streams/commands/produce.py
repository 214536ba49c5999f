"""`kairos produce`: a recorded log to Kafka."""

import asyncio
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
import msgspec

from schemas.topics import CLOCK, INPUTS
from streams.commands.settings import broker_option, current
from streams.feed import Arrival
from streams.feeder import Feeder
from streams.replay.formats.bad_line import source_of
from streams.replay.formats.table import FORMATS, RecordedLog
from streams.settings import Settings
from streams.topics import require

SHOWN_BAD_LINES = 5


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What was sent. `bad_lines` are `file:line`, sent as they are, so that ingest refuses them."""

    file: str
    format: str
    sent: dict[str, int]
    bad_lines: list[str]
    seconds: float

    def __str__(self) -> str:
        counts = ", ".join(f"{count:,} to {topic}" for topic, count in sorted(self.sent.items()))
        text = f"{sum(self.sent.values()):,} records of {self.file} ({self.format}) in {self.seconds:.1f} s: {counts}"
        if not self.bad_lines:
            return text
        shown = ", ".join(self.bad_lines[:SHOWN_BAD_LINES])
        more = ", ..." if len(self.bad_lines) > SHOWN_BAD_LINES else ""
        return f"{text}\nbad lines, sent as they are to become dead letters: {len(self.bad_lines):,} ({shown}{more})"


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--format", "format_name", type=click.Choice(list(FORMATS)), help="Found by looking where not given.")
@click.option(
    "--speed",
    type=click.FloatRange(min=0),
    default=1.0,
    show_default=True,
    help="Multiple of the speed at which it was recorded; 0: as fast as possible.",
)
@click.option("--currency", default="USD", show_default=True, help="Of the prices, in formats that do not say it.")
@click.option(
    "--run-on",
    "run_on_s",
    type=click.FloatRange(min=0),
    help="Seconds of log time after the last event; where not given, until every open cart has resolved.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object, and nothing else.")
@broker_option
def produce(  # noqa: PLR0913  # one parameter for each option
    *,
    file: Path,
    format_name: str | None,
    speed: float,
    currency: str,
    run_on_s: float | None,
    as_json: bool,
    broker: str | None,
) -> None:
    """Send the recorded log FILE to the input topics, in the order of time, and log time to the clock topic.

    It may be plain, or packed with gzip or zstd; one that is not in the order of time is sorted on disk first.
    A line that is no event is sent as it is, so that ingest refuses it and says which line it was.
    """
    settings, log = current(broker), RecordedLog(file, format_name, currency)
    run_on_ms = None if run_on_s is None else int(run_on_s * 1000)
    report = asyncio.run(_produced(settings, log, speed, run_on_ms))
    click.echo(msgspec.json.encode(report) if as_json else report)


async def _produced(settings: Settings, log: RecordedLog, speed: float, run_on_ms: int | None) -> Report:
    await require(settings, (*INPUTS, CLOCK))
    start_s, bad_lines = time.monotonic(), list[str]()
    with click.progressbar(length=log.file.size, label=log.file.path.name, file=sys.stderr) as bar:
        feeder = Feeder(settings, speed, on_progress=lambda _: bar.update(log.file.position - bar.pos))
        sent = await feeder.feed(_noting(log.arrivals(), bad_lines), run_on_ms)
    seconds = round(time.monotonic() - start_s, 3)
    return Report(
        file=log.file.path.name, format=log.format_name, sent=dict(sent), bad_lines=bad_lines, seconds=seconds
    )


def _noting(arrivals: Iterable[Arrival], bad_lines: list[str]) -> Iterator[Arrival]:
    for arrival in arrivals:
        if arrival.headers and (source := source_of(arrival)):
            bad_lines.append(source)
        yield arrival

"""What a person sees while a demo runs: a live view on a terminal, else a line now and then. Always on stderr."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final, NamedTuple, Protocol

import click
from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from streams.demo.percentiles import Latency
from streams.demo.scrape import Seen

LINE_EVERY_S: Final = 5.0


class Status(NamedTuple):
    """What is shown. Rates are per second of wall time; `share` is how much of the feed is done, in [0, 1]."""

    seen: Seen
    events_per_s: float
    scores_per_s: float
    latency: Latency
    kinds: dict[str, int]
    retracted: int
    latest: Sequence[str]
    log_ms: int
    speed: float
    share: float


class View(Protocol):
    """Shows how far a demo is."""

    def phase(self, text: str) -> None:
        """What is done now."""

    def show(self, status: Status) -> None:
        """How it goes."""


class Lines:
    """Progress as lines, for logs and pipes."""

    def __init__(self) -> None:
        self._next_s = 0.0

    def phase(self, text: str) -> None:
        """What is done now."""
        click.echo(text, err=True)

    def show(self, status: Status) -> None:
        """A line every five seconds."""
        if time.monotonic() >= self._next_s:
            self._next_s = time.monotonic() + LINE_EVERY_S
            click.echo("  " + "   ".join(f"{name} {value}" for name, value in numbers(status)), err=True)


class Screen:
    """A live view on a terminal."""

    def __init__(self, live: Live) -> None:
        self._live, self._phase = live, ""
        self._status: Status | None = None

    def phase(self, text: str) -> None:
        """What is done now, in the title."""
        self._phase = text
        self._update()

    def show(self, status: Status) -> None:
        """Everything anew."""
        self._status = status
        self._update()

    def _update(self) -> None:
        self._live.update(picture(self._phase, self._status))


@contextmanager
def view(*, on_terminal: bool) -> Iterator[View]:
    """A live view where `on_terminal` is set and stderr is one, else lines."""
    if not (on_terminal and sys.stderr.isatty()):
        yield Lines()
        return
    with Live(console=Console(stderr=True), refresh_per_second=4, transient=True) as live:
        yield Screen(live)


def numbers(status: Status) -> list[tuple[str, str]]:
    """What is shown, by name.

    >>> log_ms = 1_790_000_000_000
    >>> seen = Seen(4, 5_000, 10, 0, 0, log_ms - 60_000, 60.0, "")
    >>> dict(numbers(Status(seen, 500.0, 3.0, Latency(), {}, 0, (), log_ms, 600.0, 0.5)))["watermark delay"]
    '60 s of log time (100 ms)'
    """
    seen, latency = status.seen, status.latency
    measured = "-" if latency.p50 is None else f"{latency.p50:,.0f} / {latency.p99:,.0f} ms"
    wall = f" ({seen.delay_s / status.speed * 1000:,.0f} ms)" if status.speed else ""
    kinds = ", ".join(f"{kind} {count:,}" for kind, count in status.kinds.items()) or "none yet"
    return [
        ("log time", f"{datetime.fromtimestamp(status.log_ms / 1000, UTC):%Y-%m-%d %H:%M} ({status.share:.0%})"),
        ("events/s", f"{status.events_per_s:,.0f}"),
        ("lag", f"{seen.lag:,} records"),
        ("watermark delay", f"{seen.delay_s:,.0f} s of log time{wall}" if seen.delay_s >= 0 else "-"),
        ("scores/s", f"{status.scores_per_s:,.0f}" + (f" ({seen.ruled:,} by rules)" if seen.ruled else "")),
        ("event to intervention, p50 / p99", measured),
        ("interventions", kinds + (f", taken back {status.retracted:,}" if status.retracted else "")),
    ]


def picture(phase: str, status: Status | None) -> Panel:
    """The whole view."""
    if status is None:
        return Panel(Text(phase), title="kairos demo", title_align="left")
    table = Table.grid(padding=(0, 2))
    for name, value in numbers(status):
        table.add_row(Text(name, style="dim"), Text(value))
    latest = [Text(line, overflow="ellipsis", no_wrap=True) for line in status.latest] or [
        Text("none yet", style="dim")
    ]
    heading = Text("\nthe latest interventions, and why", style="dim")
    return Panel(Group(table, heading, *latest), title=f"kairos demo: {phase}", title_align="left")

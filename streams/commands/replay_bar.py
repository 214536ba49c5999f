"""How far a replay is, on stderr."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from streams.replay.engine import Phase


@contextmanager
def shown() -> Iterator[Phase]:
    """A bar on stderr: how much is done, how fast, and how long it will still take."""
    columns = (
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(),
        TextColumn("{task.fields[events]:,} events, {task.fields[rate]:,.0f}/s"), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:

        def phase(name: str) -> "_Bar":
            return _Bar(progress, name)

        yield phase


class _Bar:
    """One phase on the bar."""

    def __init__(self, progress: Progress, name: str) -> None:
        self._progress, self._task = progress, progress.add_task(name, total=1.0, events=0, rate=0.0)

    def __call__(self, done: float, events: int) -> None:
        seconds = self._progress.tasks[self._task].elapsed or 0.0
        rate = events / seconds if seconds else 0.0
        self._progress.update(self._task, completed=done, events=events, rate=rate)

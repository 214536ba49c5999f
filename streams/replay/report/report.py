"""The report of a replay, made from its folder: a page for people (.html), or the figures for scripts (.json)."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import click
import msgspec

from streams.replay.report.page import Page, html
from streams.replay.sort import require_duckdb
from streams.replay.summary import Summary

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from streams.replay.report.figures import Figures

PAGE: Final = ".html"
FIGURES: Final = ".json"
MEMORY_LIMIT: Final = "1GB"
MOST_THREADS: Final = 4


def require_report(paths: Iterable[Path]) -> None:
    """Raises one line of click where a report cannot be written there: before a long run, not after it."""
    for path in paths:
        _require_place(path, (PAGE, FIGURES))
        require_duckdb("a report")
        if path.suffix == PAGE:
            _require_extra()


def require_page(path: Path | None) -> None:
    """The same for a report that is a page, and needs no tables. None: no report is wanted."""
    if path is not None:
        _require_place(path, (PAGE,))
        _require_extra()


def _require_place(path: Path, endings: tuple[str, ...]) -> None:
    if path.suffix not in endings:
        raise click.ClickException(f"expected a report that ends in {' or '.join(endings)}, got {path}")
    if path.is_dir() or not path.resolve().parent.is_dir():
        raise click.ClickException(f"expected a file for the report in a folder that is there, got {path}")


def _require_extra() -> None:
    try:
        import jinja2  # noqa: F401, PLC0415  an extra
        import plotly  # noqa: F401, PLC0415  an extra
    except ImportError as error:
        raise click.ClickException(f"a report needs {error.name}: pip install -e '.[replay]'") from None


def write_reports(folder: Path, paths: Iterable[Path]) -> None:
    """Write the report of the replay whose files are in `folder`, in the form of each path's ending.

    Raises one line of click where a file cannot be written.
    """
    for path in paths:
        write_report(path, report_page(folder) if path.suffix == PAGE else report_json(report_figures(folder)))


def write_report(path: Path, text: str) -> None:
    """Write a report. Raises one line of click where the file cannot be written."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"cannot write the report {path}: {error.strerror}") from None


def report_figures(folder: Path) -> "Figures":
    """The figures of the replay whose files are in `folder`."""
    from streams.replay.report.figures import figures  # noqa: PLC0415  an extra

    with TemporaryDirectory(prefix="kairos-report-") as scratch, _database(scratch) as database:
        return figures(database, folder)


def report_page(folder: Path) -> str:
    """The page of the replay whose files are in `folder`."""
    from streams.replay.report import sections  # noqa: PLC0415  an extra
    from streams.replay.report.figures import figures  # noqa: PLC0415  an extra
    from streams.replay.report.stories import stories  # noqa: PLC0415  an extra

    with TemporaryDirectory(prefix="kairos-report-") as scratch, _database(scratch) as database:
        found = figures(database, folder)
        shoppers = sections.stories(*stories(database, folder))
    summary = found.summary
    parts = [
        sections.overview(summary),
        sections.funnel(found),
        sections.predictions(found.predictions),
        sections.interventions(found),
        shoppers,
    ]
    warnings = (
        [] if summary.complete else ["Stopped before the end of the log: this tells of the part that was replayed."]
    )
    lead = lead_of(summary)
    return html(Page(f"Replay of {Path(summary.log).name}", lead, parts, warnings))


def lead_of(summary: Summary) -> str:
    """What was replayed, in a sentence: the log, its time, the policy and the models."""
    times = [datetime.fromtimestamp(ms / 1_000, UTC) for ms in (summary.from_ms, summary.to_ms) if ms is not None]
    period = ", " + " to ".join(f"{time:%Y-%m-%d %H:%M}" for time in times) + " UTC" if times else ""
    models = ", ".join(f"model {name}" for name in summary.models) or "no model"
    log = f"{summary.log} ({summary.format}{period})"
    return f"{log}, run through the live decision path in virtual time: policy {summary.policy}, {models}."


def _database(scratch: str) -> "DuckDBPyConnection":
    """A database in a fixed memory: what does not fit goes to the folder."""
    import duckdb  # noqa: PLC0415  an extra

    return duckdb.connect(
        config={
            "memory_limit": MEMORY_LIMIT,
            "threads": MOST_THREADS,
            "preserve_insertion_order": False,
            "temp_directory": scratch,
        }
    )


def report_json(figures: msgspec.Struct) -> str:
    """Figures as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(figures)).decode() + "\n"

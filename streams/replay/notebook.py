"""A replay from Python: what came out, as tables.

>>> from streams.replay import replay
>>> replay.__name__
'replay'
"""

from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from schemas.topics import DECISIONS, INTERVENTIONS, SUPPRESSED
from streams.commands.settings import current
from streams.replay.engine import run
from streams.replay.plan import Options, planned
from streams.replay.report.report import report_figures, require_report, write_reports
from streams.replay.sort import require_duckdb
from streams.replay.summary import Summary
from streams.replay.tables import outcomes, records
from streams.settings import Settings

if TYPE_CHECKING:
    from duckdb import DuckDBPyRelation

    from streams.replay.report.figures import Figures


class Replay:
    """What a replay came to. Tables are DuckDB relations: `.df()` gives pandas, `.arrow()` Arrow, `.fetchall()` tuples.

    They are read from `folder`, which goes with this object where no `out` was given.
    """

    def __init__(self, summary: Summary, folder: Path, kept: "TemporaryDirectory[str] | None") -> None:
        require_duckdb("a table of a replay")
        import duckdb  # noqa: PLC0415  an extra

        self.summary, self.folder, self._kept = summary, folder, kept
        self._database = duckdb.connect()

    @property
    def decisions(self) -> "DuckDBPyRelation":
        """A row for each decision, with the fields of `schemas/json/decision.json`."""
        return self._table(DECISIONS.name)

    @property
    def interventions(self) -> "DuckDBPyRelation":
        """A row for each intervention and each retraction, of all kinds; `retracts` is set for retractions."""
        return self._table(*(topic.name for topic in INTERVENTIONS.values()))

    @property
    def suppressed(self) -> "DuckDBPyRelation":
        """A row for each intervention that was held back, with its `reason`."""
        return self._table(SUPPRESSED.name)

    @property
    def outcomes(self) -> "DuckDBPyRelation":
        """A row for each decision and what came of it: the fields of `streams.replay.outcomes.DecisionOutcome`."""
        return outcomes(self._database, self.folder)

    @property
    def figures(self) -> "Figures":
        """What a report shows, as numbers: of predictions, of candidates and what came of them, over time."""
        return report_figures(self.folder)

    def report(self, path: str | Path) -> Path:
        """Write the report: a page where the path ends in .html, its figures where it ends in .json."""
        target = Path(path)
        require_report([target])
        write_reports(self.folder, [target])
        return target

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self.summary))}</pre>"

    def _table(self, *topics: str) -> "DuckDBPyRelation":
        return records(self._database, self.folder, topics)


def replay(log: str | Path, settings: Settings | None = None, **options: Any) -> Replay:
    """Replay a log: a file, a folder, or a topic as `kafka://HOST:PORT/shop.timeline.v1`.

    `settings` are those of the environment where none are given; `options` are the fields of `streams.replay.plan`'s
    `Options`: by, policy, processes, out and more. One process works here where nothing else is said. Errors: one line,
    `ValueError` and `click.ClickException`.
    """
    kept = None if options.get("out") else TemporaryDirectory(prefix="kairos-replay-")
    chosen = {"processes": 1, "out": kept and kept.name} | options
    plan = planned(str(log), Options(**chosen), settings or current())
    return Replay(run(plan), Path(str(plan.out)), kept)

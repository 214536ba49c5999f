"""Comparing two policies, models or ways of scoring on one log: both are replayed, and joined on disk.

>>> from streams.replay import compare
>>> compare.__name__
'compare'
"""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from streams.commands.settings import current
from streams.replay.comparison.changes import changes
from streams.replay.comparison.counted import cart_overlap, differing, over_time, shopper_overlap, side_facts
from streams.replay.comparison.facts import Comparison
from streams.replay.comparison.foresight import foresights
from streams.replay.comparison.joined import join, opened
from streams.replay.comparison.sampled import examples
from streams.replay.comparison.sides import Choices, Side, Sides, sides
from streams.replay.comparison.table import text
from streams.replay.engine import Phase, format_of, require_empty, run, silent
from streams.replay.plan import Options
from streams.replay.scorers import By
from streams.replay.sort import require_duckdb
from streams.replay.summary import Summary
from streams.settings import Settings

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

FILE: Final = "comparison.json"


class Stopped(click.ClickException):
    """The user stopped it."""

    exit_code = 130  # what a command that was ended by Ctrl-C exits with

    def __init__(self, side: Side) -> None:
        super().__init__(f"stopped while {side.name} was replayed: only two whole replays can be compared")


class Compared:
    """What a comparison came to: `facts`, and tables of what they count.

    Tables are DuckDB relations: `.df()` gives pandas, `.arrow()` Arrow, `.fetchall()` tuples. They are on disk, and go
    with this object. `folders` are those of the replays of A and of B.
    """

    def __init__(self, facts: Comparison, database: "DuckDBPyConnection", kept: "TemporaryDirectory[str]") -> None:
        self.facts, self._database, self._kept = facts, database, kept

    def __str__(self) -> str:
        return text(self.facts)

    def html(self) -> str:
        """The page. Errors: a line of click where an extra is missing."""
        from streams.replay.comparison.page import page  # noqa: PLC0415  its extras are wanted where a page is

        return page(self.facts)

    @property
    def decisions(self) -> "DuckDBPyRelation":
        """A row for each decision of each `side`, with what came of it: as `outcomes` of a replay."""
        return self._database.table("decisions")

    @property
    def differing(self) -> "DuckDBPyRelation":
        """A row for each cart about which the sides differ: what the first one sent, what came of it, and the `reason`
        why the other one was silent then."""
        return self._database.table("differing")


def compare(
    log: str | Path,
    policies: Sequence[str | Path] = (),
    models: Sequence[str | Path] = (),
    scores: Sequence[By] = (),
    settings: Settings | None = None,
    **options: Any,
) -> Compared:
    """Replay a log (as `replay` takes it) by two policies, models or ways of scoring, and compare what comes of it.

    Each of the three has two entries, for A and for B, or one for both; one of them must have two. `settings` are those
    of the environment where none are given; `options` are the fields of `streams.replay.plan`'s `Options`, and with
    `out` both replays are kept, in `a` and `b` below it. Errors: one line, `ValueError` and `click.ClickException`.
    """
    choices = Choices(tuple(policies), tuple(models), tuple(scores))
    chosen = Options(**{"processes": 1} | options)
    return compared(sides(str(log), choices, chosen, settings or current()))


def compared(both: Sides, phase: Phase = silent) -> Compared:
    """Run both sides, and compare. Errors as above, and `Stopped`."""
    require_duckdb("a comparison")
    require_empty(both[0].plan.out)
    kept = TemporaryDirectory(prefix="kairos-compare-")
    a, b = (_into(side, Path(kept.name)) for side in both)
    summaries = _run(a, phase), _run(b, phase)
    database = opened(Path(kept.name))
    facts = _facts(database, (a, b), summaries)
    return Compared(facts, database, kept)


def _into(side: Side, folder: Path) -> Side:
    """The side, with a folder of its own for what it tells."""
    out = Path(side.plan.out or folder) / side.name.lower()
    return side._replace(plan=msgspec.structs.replace(side.plan, out=str(out)))


def _run(side: Side, phase: Phase) -> Summary:
    summary = run(side.plan, lambda what: phase(f"{what} {side.name}"))
    if not summary.complete:
        raise Stopped(side)
    return summary


def _facts(database: "DuckDBPyConnection", both: Sides, summaries: tuple[Summary, Summary]) -> Comparison:
    a, b = both
    folders = Path(str(a.plan.out)), Path(str(b.plan.out))
    join(database, both, folders)
    stretch_ms, sent = over_time(database)
    return Comparison(
        log=a.plan.name,
        format=format_of(a.plan.log),
        changed=changes(both),
        a=side_facts(database, a, summaries[0]),
        b=side_facts(database, b, summaries[1]),
        carts=cart_overlap(database),
        shoppers=shopper_overlap(database),
        differing=differing(database),
        foresights=foresights(database, both),
        examples=examples(database, folders),
        stretch_ms=stretch_ms,
        over_time=sent,
    )

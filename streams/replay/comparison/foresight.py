"""How well the scores of each side foresaw what happened, where the sides do not take them from the same model."""

from typing import TYPE_CHECKING, Final

from streams.replay.comparison.facts import Foresight, Point
from streams.replay.comparison.sides import Side, SideName, Sides
from streams.replay.report.predictions import HEADS, Prediction, prediction

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

DIGITS: Final = 6
"""Sums of floats depend on their order in the last digits, and the same log must give the same bytes."""


def foresights(database: "DuckDBPyConnection", sides: Sides) -> tuple[Foresight, ...]:
    """Of each side that has scores and of each thing foreseen; nothing where both sides have the same scores."""
    if _scorer(sides[0]) == _scorer(sides[1]):
        return ()
    return tuple(one for side in sides if side.plan.by != "rules" for one in _foresights(database, side.name))


def _scorer(side: Side) -> tuple[object, ...]:
    return (side.plan.by, side.plan.model if side.plan.by == "model" else None)


def _foresights(database: "DuckDBPyConnection", side: SideName) -> list[Foresight]:
    database.execute(f"CREATE OR REPLACE TEMP VIEW outcomes AS FROM decisions WHERE side = '{side}'")
    return [_foresight(side, prediction(database, head)) for head in HEADS]


def _foresight(side: SideName, one: Prediction) -> Foresight:
    return Foresight(
        side=side,
        score=one.score,
        says=one.says,
        known=one.known,
        base_rate=_rounded(one.base_rate),
        brier=_rounded(one.brier),
        auc=_rounded(one.auc),
        average_precision=_rounded(one.average_precision),
        curve=tuple(Point(recall=round(at.recall, DIGITS), precision=round(at.precision, DIGITS)) for at in one.curve),
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)

"""How good a probability was: what was predicted, beside what happened, of all decisions of which that is known.

A score that was given to a decision after an event counts; one at a cart's deadline comes when the cart is abandoned.
"""

from math import sqrt
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

BINS: Final = 20
CALIBRATION_BINS: Final = 10
CURVE_POINTS: Final = 200


class Head(NamedTuple):
    """What is predicted: its column among the outcomes, and that of what happened."""

    score: str
    label: str
    says: str


HEADS: Final = (
    Head("abandon_30m", "cart_abandoned", "the open cart will be abandoned"),
    Head("purchase_24h", "bought_24h", "the shopper will buy within 24 h"),
)


class ScoreBin(msgspec.Struct, frozen=True):
    """Decisions with a score in [low, high): to how many it happened, to how many not."""

    low: float
    high: float
    happened: int
    did_not: int


class CalibrationBin(msgspec.Struct, frozen=True):
    """Decisions with similar scores: the mean score, and to what share it happened, with its 95 % interval (Wilson)."""

    predicted: float
    happened: float
    low: float
    high: float
    count: int


class CurvePoint(msgspec.Struct, frozen=True):
    """Acting on scores of at least `threshold`: how many of these were right, and how many of all were found."""

    threshold: float
    precision: float
    recall: float


class Prediction(msgspec.Struct, frozen=True):
    """`known` decisions have a score and an outcome, `unknown` ones a score alone. Means are None of nothing.

    `base_rate` is the share to which it happened; `brier` the mean squared error; `auc` and `average_precision` are
    None where all had the same outcome.
    """

    score: str
    says: str
    known: int
    unknown: int
    base_rate: float | None
    mean_score: float | None
    brier: float | None
    auc: float | None
    average_precision: float | None
    scores: list[ScoreBin]
    calibration: list[CalibrationBin]
    curve: list[CurvePoint]


def prediction(database: "DuckDBPyConnection", head: Head) -> Prediction:
    """Of the table `outcomes` of this database."""
    database.sql(
        f"CREATE OR REPLACE TEMP TABLE known AS SELECT {head.score} AS score, {head.label}::INT AS label FROM outcomes "
        f"WHERE asked = 'event' AND {head.score} IS NOT NULL AND {head.label} IS NOT NULL"
    )
    of = f"SELECT count(*) FROM outcomes WHERE asked = 'event' AND {head.score} IS NOT NULL AND {head.label} IS NULL"
    if head.label == "cart_abandoned":
        of += " AND cart_id IS NOT NULL"  # without a cart nothing was predicted about one
    unknown = _one(database, of)[0]
    known, rate, mean, brier = _one(
        database, "SELECT count(*), avg(label), avg(score), avg((score - label) ** 2) FROM known"
    )
    auc, precision = _ranking(database) if rate is not None and 0 < rate < 1 else (None, None)
    return Prediction(
        head.score, head.says, known, unknown, rate, mean, brier, auc, precision,
        _score_bins(database), _calibration(database), _curve(database),
    )  # fmt: skip


def _one(database: "DuckDBPyConnection", query: str) -> tuple[int, float | None, float | None, float | None]:
    found: tuple[int, float | None, float | None, float | None] = database.sql(query).fetchall()[0]
    return found


_CURVE: Final = """
    WITH groups AS (SELECT score, count(*) AS n, sum(label) AS p FROM known GROUP BY score),
    steps AS (SELECT score, n, p, sum(n) OVER above AS all_n, sum(p) OVER above AS all_p,
                     (SELECT sum(label) FROM known) AS positives, (SELECT count(*) FROM known) AS total
              FROM groups WINDOW above AS (ORDER BY score DESC))
"""


def _ranking(database: "DuckDBPyConnection") -> tuple[float, float]:
    """Area under the ROC curve, and average precision, as scikit-learn has them."""
    found: tuple[float, float] = database.sql(
        _CURVE + "SELECT sum(p * ((total - positives) - (all_n - all_p) + (n - p) / 2.0))"
        " / any_value(positives * (total - positives))::DOUBLE, sum(p * all_p / all_n::DOUBLE) / any_value(positives)"
        " FROM steps"
    ).fetchall()[0]
    return found


def _curve(database: "DuckDBPyConnection") -> list[CurvePoint]:
    rows = database.sql(
        _CURVE
        + f"""SELECT score, all_p / all_n::DOUBLE, all_p / positives::DOUBLE AS recall FROM steps
        WHERE positives > 0
        QUALIFY row_number() OVER (PARTITION BY floor(recall * {CURVE_POINTS}) ORDER BY score DESC) = 1
        ORDER BY score DESC"""
    ).fetchall()
    return [CurvePoint(*row) for row in rows]


def _score_bins(database: "DuckDBPyConnection") -> list[ScoreBin]:
    rows = database.sql(
        f"SELECT least(floor(score * {BINS}), {BINS - 1})::INT AS bin, sum(label), sum(1 - label) "
        "FROM known GROUP BY bin"
    ).fetchall()
    found = {nth: (happened, did_not) for nth, happened, did_not in rows}
    return [ScoreBin(nth / BINS, (nth + 1) / BINS, *map(int, found.get(nth, (0, 0)))) for nth in range(BINS)]


def _calibration(database: "DuckDBPyConnection") -> list[CalibrationBin]:
    rows = database.sql(
        f"SELECT least(floor(score * {CALIBRATION_BINS}), {CALIBRATION_BINS - 1}) AS bin, avg(score), avg(label), "
        "count(*) FROM known GROUP BY bin ORDER BY bin"
    ).fetchall()
    return [CalibrationBin(mean, share, *wilson(share, count), count) for _, mean, share, count in rows]


def wilson(share: float, count: int) -> tuple[float, float]:
    """The 95 % interval of a share of so many independent tries.

    >>> [round(end, 3) for end in wilson(0.5, 10)]
    [0.237, 0.763]
    """
    z = 1.959964
    middle, width = share + z * z / (2 * count), z * sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return max(0.0, (middle - width) / (1 + z * z / count)), min(1.0, (middle + width) / (1 + z * z / count))

"""The figures of a report: computed from the files of a replay, for a page and for scripts alike."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from streams.replay.report.predictions import HEADS, Prediction, prediction
from streams.replay.summary import SUMMARY_FILE, Summary
from streams.replay.tables import interventions, outcomes

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MOST_STEPS: Final = 60
_STEPS_MS: Final = tuple(
    minutes * 60_000 for minutes in (1, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10080, 43200, 129600)
)


class Fate(msgspec.Struct, frozen=True):
    """Candidates of a kind with the same fate: "sent", or the reason why they were held back; and what came of them.

    Shares are of those of whom it is known, which `carts_known` and `bought_known` count. `to_purchase_s` is the median
    of those who bought within a day.
    """

    kind: str
    fate: str
    count: int
    taken_back: int
    carts_known: int
    carts_abandoned: float | None
    bought_known: int
    bought_24h: float | None
    to_purchase_s: float | None


class TimeStep(msgspec.Struct, frozen=True):
    """How many interventions of a kind were sent, or held back where `kind` is None, in the step that begins here."""

    at_ms: int
    kind: str | None
    count: int


class Feature(msgspec.Struct, frozen=True):
    """A feature that stands among the reasons of a kind: what it mostly was, and how much it pushed the decision.

    Medians are over what was sent, and over what was held back; `push` is the mean size of the contribution.
    """

    kind: str
    feature: str
    median_sent: float | None
    median_held_back: float | None
    push: float


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a report shows but the shoppers' stories. `step_ms` is that of `over_time`."""

    summary: Summary
    predictions: list[Prediction]
    fates: list[Fate]
    step_ms: int
    over_time: list[TimeStep]
    features: list[Feature]


def figures(database: "DuckDBPyConnection", folder: Path) -> Figures:
    """Of the files in this folder. `outcomes` and `told` are tables of the database then."""
    outcomes(database, folder).create("outcomes")
    told = "intervention_id, name, retracts, retracted_at, reason IS NULL AS sent, decision.reasons AS reasons"
    interventions(database, folder).select(told).create("told")
    step_ms, over_time = _over_time(database)
    return Figures(
        summary=msgspec.json.decode((folder / SUMMARY_FILE).read_bytes(), type=Summary),
        predictions=[prediction(database, head) for head in HEADS],
        fates=_fates(database),
        step_ms=step_ms,
        over_time=over_time,
        features=_features(database),
    )


def _fates(database: "DuckDBPyConnection") -> list[Fate]:
    rows = database.sql("""
        SELECT action, coalesce(suppressed, 'sent') AS fate, count(*), count(retracts), count(cart_abandoned),
               avg(cart_abandoned::INT), count(bought_24h), avg(bought_24h::INT),
               median(bought_after_ms) FILTER (WHERE bought_24h) / 1000
        FROM outcomes LEFT JOIN (SELECT DISTINCT retracts FROM told WHERE retracts IS NOT NULL) AS back
             ON back.retracts = outcomes.intervention_id
        WHERE action <> 'none' GROUP BY action, fate ORDER BY action, fate <> 'sent', count(*) DESC, fate
    """).fetchall()
    return [Fate(*row) for row in rows]


def _over_time(database: "DuckDBPyConnection") -> tuple[int, list[TimeStep]]:
    first, last = database.sql("SELECT min(at_ms), max(at_ms) FROM outcomes").fetchall()[0]
    span_ms = 0 if first is None else last - first
    step_ms = next((step for step in _STEPS_MS if span_ms / step <= MOST_STEPS), _STEPS_MS[-1])
    rows = database.sql(f"""
        SELECT at_ms // {step_ms} * {step_ms} AS step, if(outcome = 'sent', action, NULL) AS kind, count(*)
        FROM outcomes WHERE action <> 'none' GROUP BY step, kind ORDER BY step, kind
    """).fetchall()
    return step_ms, [TimeStep(*row) for row in rows]


def _features(database: "DuckDBPyConnection") -> list[Feature]:
    rows = database.sql("""
        SELECT name, reason.feature, median(reason.value) FILTER (WHERE sent),
               median(reason.value) FILTER (WHERE NOT sent), avg(abs(reason.contribution)) AS push
        FROM (SELECT name, sent, unnest(reasons) AS reason FROM told WHERE retracts IS NULL)
        GROUP BY name, reason.feature ORDER BY name, push DESC, reason.feature
    """).fetchall()
    return [Feature(*row) for row in rows]

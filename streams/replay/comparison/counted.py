"""Counting what two joined replays came to: SQL in, plain records out, everything in a fixed order."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from schemas.interventions import KINDS
from streams.core.policy.rules import Caps
from streams.replay.comparison.facts import (
    CapsFacts,
    Differing,
    KindFacts,
    Lead,
    Overlap,
    Sent,
    SideFacts,
    known,
)
from streams.replay.comparison.sides import Side, SideName
from streams.replay.summary import Summary

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Row = tuple[Any, ...]
DAY_MS: Final = 86_400_000
STRETCHES_MS: Final = (60_000, 300_000, 900_000, 3_600_000, 4 * 3_600_000, DAY_MS, 7 * DAY_MS)
MOST_STRETCHES: Final = 48
_OF_KIND: Final = """
SELECT count(*), times(was_right), count(was_right), times(bought_24h), count(bought_24h), count(bought_after_ms),
  times(foreseen), quantile_disc(cart_ended_after_ms, [0.1, 0.5, 0.9]) FILTER (foreseen),
  times(bought_24h), quantile_disc(bought_after_ms, [0.1, 0.5, 0.9]) FILTER (bought_24h)
FROM (SELECT *, action = 'cart_at_risk' AND cart_abandoned AS foreseen FROM decisions)
WHERE side = ? AND action = ? AND outcome = 'sent'
"""
_FULLEST: Final = """
SELECT most, count(*) FROM (
  SELECT user_id, max(used) AS most FROM (
    SELECT user_id, count(*) OVER (
      PARTITION BY user_id ORDER BY at_ms RANGE BETWEEN {before_ms} PRECEDING AND CURRENT ROW) AS used
    FROM decisions WHERE side = ? AND outcome = 'sent')
  GROUP BY user_id)
GROUP BY most ORDER BY most
"""
_DIFFERING: Final = """
SELECT difference, a_kind, b_kind, reason, reason_later, count(*), count(DISTINCT user_id),
  times(was_right), count(was_right), times(bought_24h), count(bought_24h), count(bought_after_ms)
FROM differing GROUP BY ALL ORDER BY difference, count(*) DESC, a_kind, b_kind, reason, reason_later
"""
_ABANDONED: Final = """
SELECT count(*), times(sent.cause IS NOT NULL)
FROM decisions timer LEFT JOIN sent USING (side, user_id, episode) WHERE side = ? AND timer.asked = 'timer'
"""
_CARTS: Final = """
SELECT times(difference = 'same'), times(difference = 'other'), times(difference = 'only_a'),
  times(difference = 'only_b') FROM pairs
"""
_SHOPPERS: Final = """
SELECT times(a AND b), times(a AND NOT b), times(b AND NOT a)
FROM (SELECT bool_or(side = 'A') AS a, bool_or(side = 'B') AS b FROM sent GROUP BY user_id)
"""


def side_facts(database: "DuckDBPyConnection", side: Side, summary: Summary) -> SideFacts:
    """What came of one side."""
    abandoned, addressed = _row(database, _ABANDONED, side.name)
    kinds = tuple(_kind(database, side.name, kind) for kind in KINDS)
    plan = side.plan
    return SideFacts(
        name=side.name,
        label=side.label,
        policy=f"{plan.policy.id} {plan.policy.version}",
        policy_file=side.policy_file,
        scores=plan.by,
        decisions=summary.scores,
        modes=dict(summary.modes),
        sent=sum(kind.sent for kind in kinds),
        retracted=summary.retractions,
        abandoned=known(addressed, abandoned),
        kinds=kinds,
        caps=_caps(database, side.name, plan.policy.caps),
    )


def _kind(database: "DuckDBPyConnection", side: SideName, kind: str) -> KindFacts:
    sent, right, judged, bought, seen, later, *leads = _row(database, _OF_KIND, side, kind)
    held_back = "SELECT suppressed, count(*) FROM decisions WHERE side = ? AND action = ? AND suppressed IS NOT NULL"
    return KindFacts(
        kind=kind,
        sent=sent,
        held_back=dict(_rows(database, f"{held_back} GROUP BY ALL ORDER BY count(*) DESC, suppressed", side, kind)),
        right=known(right, judged),
        bought_24h=known(bought, seen),
        bought_later=later,
        lead=_lead(*leads[:2]),
        lead_to_purchase=_lead(*leads[2:]),
    )


def _lead(count: int, quantiles: list[int] | None) -> Lead | None:
    if not count or quantiles is None:
        return None
    p10, p50, p90 = quantiles
    return Lead(count=count, p10_ms=p10, p50_ms=p50, p90_ms=p90)


def _caps(database: "DuckDBPyConnection", side: SideName, caps: Caps) -> CapsFacts:
    """A window is the `window_s` up to and with an intervention, by event time."""
    before_ms = max(caps.window_s * 1_000 - 1, 0)
    fullest: Mapping[int, int] = dict(_rows(database, _FULLEST.format(before_ms=before_ms), side))
    held_back = (
        "SELECT count(*), count(DISTINCT user_id) FROM decisions WHERE side = ? AND suppressed = 'frequency_cap'"
    )
    of_day = f"SELECT count(*) AS sent FROM decisions WHERE side = ? AND outcome = 'sent' GROUP BY at_ms // {DAY_MS}"
    count, shoppers = _row(database, held_back, side)
    days, most = _row(database, f"SELECT count(*), coalesce(max(sent), 0) FROM ({of_day})", side)
    return CapsFacts(
        per_shopper=caps.per_shopper,
        window_s=caps.window_s,
        shoppers=sum(fullest.values()),
        fullest=dict(fullest),
        shoppers_at_cap=sum(shoppers for most, shoppers in fullest.items() if most >= caps.per_shopper),
        held_back=count,
        shoppers_held_back=shoppers,
        days=days,
        most_a_day=most,
    )


def cart_overlap(database: "DuckDBPyConnection") -> Overlap:
    """Which carts were addressed by whom."""
    same, other, only_a, only_b = _row(database, _CARTS)
    return Overlap(both=same + other, only_a=only_a, only_b=only_b, same=same)


def shopper_overlap(database: "DuckDBPyConnection") -> Overlap:
    """Which shoppers were addressed by whom."""
    both, only_a, only_b = _row(database, _SHOPPERS)
    return Overlap(both=both, only_a=only_a, only_b=only_b)


def differing(database: "DuckDBPyConnection") -> tuple[Differing, ...]:
    """Carts about which the sides differ, by reason: the commonest first."""
    return tuple(_differing(*row) for row in _rows(database, _DIFFERING))


def _differing(*row: Any) -> Differing:
    difference, a_kind, b_kind, reason, reason_later, carts, shoppers, right, judged, bought, seen, later = row
    return Differing(
        difference=difference,
        a_kind=a_kind,
        b_kind=b_kind,
        reason=reason,
        reason_later=reason_later,
        carts=carts,
        shoppers=shoppers,
        right=known(right, judged),
        bought_24h=known(bought, seen),
        bought_later=later,
    )


def over_time(database: "DuckDBPyConnection") -> tuple[int, tuple[Sent, ...]]:
    """What was sent in stretches of log time, and how long these are: as short as gives not too many of them."""
    first_ms, last_ms = _row(database, "SELECT coalesce(min(at_ms), 0), coalesce(max(at_ms), 0) FROM sent")
    fitting = (one for one in STRETCHES_MS if (last_ms - first_ms) // one < MOST_STRETCHES)
    stretch_ms = next(fitting, STRETCHES_MS[-1])
    counts = (
        f"SELECT at_ms // {stretch_ms} * {stretch_ms} AS at_ms, side, action, count(*) FROM decisions "
        "WHERE outcome = 'sent' GROUP BY ALL ORDER BY ALL"
    )
    return stretch_ms, tuple(
        Sent(at_ms=at_ms, side=side, kind=kind, sent=sent) for at_ms, side, kind, sent in _rows(database, counts)
    )


def _rows(database: "DuckDBPyConnection", statement: str, *given: Any) -> list[Row]:
    found: list[Row] = database.execute(statement, list(given)).fetchall()
    return found


def _row(database: "DuckDBPyConnection", statement: str, *given: Any) -> Row:
    (found,) = _rows(database, statement, *given)
    return found

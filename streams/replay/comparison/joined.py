"""The decisions of both sides as tables on disk, joined by shopper and cart: in memory that does not grow with them.

Asks do not depend on the policy: a decision of one side and that of the other have the same `cause`, and the carts that
they are about the same `episode`. So what one side decided when the other one sent something is a matter of a join.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from streams.core.policy.rules import PolicyRules
from streams.replay.comparison.sides import Sides
from streams.replay.sort import MEMORY_LIMIT
from streams.replay.tables import outcomes

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

DATABASE_FILE: Final = "comparison.duckdb"

_TIMES: Final = "CREATE MACRO times(held) AS count(*) FILTER (held)"
_RIGHT: Final = "CASE action WHEN 'cart_nudge' THEN NOT bought_24h WHEN 'cart_at_risk' THEN cart_abandoned END"
"""Whether what was sent was right; NULL where the log does not say. A kind has to say what makes it right."""
_SENT: Final = """
CREATE TABLE sent AS SELECT DISTINCT ON (side, user_id, episode) *
FROM decisions WHERE outcome = 'sent' ORDER BY side, user_id, episode, at_ms, cause
"""
"""What was sent, once for each cart: a policy addresses a cart once."""

_PAIRS: Final = """
CREATE TABLE pairs AS SELECT user_id, episode, a.action AS a_kind, b.action AS b_kind,
  CASE WHEN a.cause IS NULL THEN 'only_b' WHEN b.cause IS NULL THEN 'only_a'
       WHEN a.cause = b.cause AND a.action = b.action THEN 'same' ELSE 'other' END AS difference,
  CASE WHEN b.cause IS NULL OR a.at_ms <= b.at_ms THEN 'A' ELSE 'B' END AS first,
  CASE WHEN first = 'A' THEN a.cause ELSE b.cause END AS cause
FROM (FROM sent WHERE side = 'A') a FULL JOIN (FROM sent WHERE side = 'B') b USING (user_id, episode)
"""
"""Carts that were addressed by anybody, and by whom first."""

_DIFFERING: Final = """
CREATE TABLE differing AS SELECT pairs.*, one.* EXCLUDE (user_id, episode, cause, side),
  CASE
    WHEN other.cause IS NULL THEN 'not_asked'
    WHEN other.suppressed = 'not_eligible' AND NOT rule.enabled THEN 'switched_off'
    WHEN other.outcome = 'suppressed' THEN other.suppressed
    WHEN NOT rule.enabled THEN 'switched_off'
    WHEN other.abandon_30m IS NULL THEN 'no_score'
    WHEN other.abandon_30m < rule.least THEN 'below_threshold'
    ELSE 'already_addressed' END AS reason,
  other.mode AS other_mode, other.abandon_30m AS other_abandon_30m, other.purchase_24h AS other_purchase_24h,
  CASE WHEN difference <> 'other' THEN (
    SELECT arg_max(later.suppressed, {'at_ms': later.at_ms, 'cause': later.cause}) FROM held_back later
    WHERE later.side <> first AND later.user_id = pairs.user_id AND later.episode = pairs.episode
      AND later.at_ms > one.at_ms) END AS reason_later
FROM pairs
JOIN decisions one ON one.side = first AND one.user_id = pairs.user_id AND one.cause = pairs.cause
LEFT JOIN decisions other ON other.side <> first AND other.user_id = pairs.user_id AND other.cause = pairs.cause
JOIN rules rule ON rule.side <> first AND rule.kind = one.action
WHERE difference <> 'same'
"""
"""Carts about which the sides differ: what the first one sent, what came of it, and why the other one was silent then.

A reason of the policy's own is that of the suppression. What a policy does not even consider leaves no reason behind:
that follows from its settings, in the order in which it looks at them. `reason_later`: why the other one held back what
it had to say about the cart at last, where it came to that and was never sent.
"""
_HELD_BACK: Final = """
CREATE VIEW held_back AS SELECT side, user_id, episode, cause, at_ms, suppressed
FROM decisions WHERE outcome = 'suppressed'
"""


def join(database: "DuckDBPyConnection", sides: Sides, folders: tuple[Path, Path]) -> None:
    """Make the tables `decisions`, `sent`, `pairs` and `differing` of two replays, each in its folder."""
    kinds = "(side VARCHAR, kind VARCHAR, enabled BOOLEAN, least DOUBLE)"
    database.execute(f"CREATE TABLE rules {kinds}")
    for nth, (side, folder) in enumerate(zip(sides, folders, strict=True)):
        database.executemany("INSERT INTO rules VALUES (?, ?, ?, ?)", _rules(side.name, side.plan.policy))
        outcomes(database, folder).create_view("told", replace=True)
        into = "INSERT INTO decisions" if nth else "CREATE TABLE decisions AS"
        database.execute(f"{into} SELECT '{side.name}' AS side, *, {_RIGHT} AS was_right FROM told")
    for statement in (_TIMES, _SENT, _PAIRS, _HELD_BACK, _DIFFERING):
        database.execute(statement)


def opened(folder: Path) -> "DuckDBPyConnection":
    """A database on disk, in a fixed memory."""
    import duckdb  # noqa: PLC0415  an extra

    database = duckdb.connect(folder / DATABASE_FILE)
    database.execute(f"SET memory_limit='{MEMORY_LIMIT}'; SET threads=2; SET preserve_insertion_order=false")
    database.execute("SET temp_directory=?", [str(folder / "spill")])
    database.execute("SET enable_progress_bar=false")
    return database


def _rules(side: str, policy: PolicyRules) -> list[tuple[str, str, bool, float]]:
    nudge, risk = policy.cart_nudge, policy.cart_at_risk
    return [(side, "cart_nudge", nudge.enabled, 0.0), (side, "cart_at_risk", risk.enabled, risk.min_abandon_30m)]

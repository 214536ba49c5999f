"""The stories of a few shoppers: their events, scores and interventions in the order of time, to be clicked through."""

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from streams.replay.report.plots import span, words
from streams.replay.tables import sample

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MOST: Final = 60
"""So many shoppers are shown."""
MOST_ROWS: Final = 400
"""So many rows of each, the first ones; how many more there are is said."""
MOST_DETAIL: Final = 300
"""So many characters of what a shopper or the shop wrote in one event."""
_GROUPS: Final = (
    ("nudged, then bought", "bool_or(outcome = 'sent' AND coalesce(bought_24h, false))"),
    ("nudged, cart left", "bool_or(outcome = 'sent' AND coalesce(cart_abandoned, false))"),
    ("nudged", "bool_or(outcome = 'sent')"),
    ("held back", "bool_or(outcome = 'suppressed')"),
    ("scored", "true"),
)
"""Of each of these some are shown, as far as there are any: what a shopper is, and how that is seen in the outcomes."""


def stories(database: "DuckDBPyConnection", folder: Path) -> tuple[int, list[dict[str, Any]]]:
    """How many shoppers were sampled, and some of them, as `page.Timelines` wants them. After `figures`."""
    sample(database, folder).create("sample")
    sampled: int = database.sql("SELECT count(*) FROM sample").fetchall()[0][0]
    chosen = _chosen(database)
    rows = _rows(database, list(chosen))
    shown = database.sql("SELECT user_id, left_out FROM sample WHERE list_contains(?, user_id)", params=[list(chosen)])
    left_out = dict(shown.fetchall())
    return sampled, [_story(user_id, group, left_out[user_id], rows[user_id]) for user_id, group in chosen.items()]


def _chosen(database: "DuckDBPyConnection") -> dict[str, str]:
    """Shoppers and their group: of each group about as many, then those who were never scored. By chance: hashes."""
    cases = " ".join(f"WHEN {seen} THEN {nth}" for nth, (_, seen) in enumerate(_GROUPS))
    rows = database.sql(f"""
        WITH known AS (SELECT user_id, CASE {cases} END AS nth FROM outcomes GROUP BY user_id),
        grouped AS (SELECT sample.user_id, coalesce(nth, {len(_GROUPS)}) AS nth, len(events) AS size FROM sample
                    LEFT JOIN known USING (user_id)),
        turns AS (SELECT *, row_number() OVER (PARTITION BY nth ORDER BY hash(user_id), user_id) AS turn FROM grouped)
        SELECT user_id, nth FROM (FROM turns ORDER BY turn, nth, user_id LIMIT {MOST}) ORDER BY nth, turn
    """).fetchall()
    names = [name for name, _ in _GROUPS] + ["never scored"]
    return {user_id: names[nth] for user_id, nth in rows}


def _story(user_id: str, group: str, left_out: int, rows: list[dict[str, Any]]) -> dict[str, Any]:
    rows.sort(key=lambda row: (row["at_ms"], row["kind"] != "event"))
    events, left_out = sum(row["kind"] == "event" for row in rows), left_out + max(0, len(rows) - MOST_ROWS)
    more = f" (and {left_out:,} more rows, not shown)" if left_out else ""
    return {"name": user_id, "note": f"{group} · {events:,} events{more}", "rows": rows[:MOST_ROWS]}


def _rows(database: "DuckDBPyConnection", chosen: list[str]) -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    events = database.sql("SELECT user_id, events FROM sample WHERE list_contains(?, user_id)", params=[chosen])
    for user_id, found in events.fetchall():
        rows[user_id] += [_event(event) for event in found]
    last = {user_id: max((row["at_ms"] for row in found), default=0) for user_id, found in rows.items()}
    decided = database.sql("SELECT * FROM outcomes WHERE list_contains(?, user_id)", params=[chosen])
    for values in decided.fetchall():
        taken = dict(zip(decided.columns, values, strict=True))
        if taken["outcome"] != "none" or taken["at_ms"] <= last[taken["user_id"]]:
            rows[taken["user_id"]].append(_decision(taken))
    for user_id, name, at_ms in database.sql(_BACK, params=[chosen]).fetchall():
        rows[user_id].append({"at_ms": at_ms, "kind": "taken_back", "what": words(name), "detail": "bought after all"})
    return rows


_BACK: Final = """
    SELECT user_id, name, epoch_ms(retracted_at::TIMESTAMP) FROM told JOIN outcomes
    ON told.retracts = outcomes.intervention_id WHERE list_contains(?, user_id)
"""


def _event(event: dict[str, Any]) -> dict[str, Any]:
    named = (("cart", event["cart_id"]), ("order", event["order_id"]), ("query", event["query"]))
    detail = [", ".join(event["products"] or ()), *(f"{name} {value}" for name, value in named if value)]
    text = " · ".join(filter(None, detail))
    shown = text if len(text) <= MOST_DETAIL else text[: MOST_DETAIL - 1] + "…"
    return {"at_ms": event["at_ms"], "kind": "event", "what": event["event"], "detail": shown}


def _decision(taken: dict[str, Any]) -> dict[str, Any]:
    kinds = {"none": "decision", "sent": "sent", "suppressed": "held_back"}
    why = words(taken["suppressed"]) if taken["suppressed"] else None
    scores = {name: taken[name] for name in ("abandon_30m", "purchase_24h")}
    expected = ", ".join(f"{words(name)} {score:.2f}" for name, score in scores.items() if score is not None)
    what = words(taken["action"]) if taken["action"] != "none" else "nothing to do"
    detail = " · ".join(filter(None, (why, expected or "by rules", _came(taken))))
    return {"at_ms": taken["at_ms"], "kind": kinds[taken["outcome"]], "what": what, "detail": detail, **scores}


def _came(taken: dict[str, Any]) -> str | None:
    """What came of it, as the log has it."""
    if taken["outcome"] == "none":
        return None
    bought = taken["bought_after_ms"]
    if bought is not None:
        return f"bought {span(bought // 60_000 * 60_000 or bought)} later"
    return "no purchase seen" if taken["bought_24h"] is not None else "not known: the log ends"

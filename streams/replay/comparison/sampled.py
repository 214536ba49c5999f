"""Examples of carts about which the sides differ: a few for each reason, always the same ones."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from schemas.interventions import Content
from schemas.topics import INTERVENTIONS
from streams.replay.comparison.facts import Act, Example, Product
from streams.replay.tables import files_of

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

OF_EACH: Final = 3
AT_MOST: Final = 24
_SAMPLE: Final = f"""
CREATE TABLE sample AS SELECT * FROM (
  SELECT *, row_number() OVER (
    PARTITION BY difference, a_kind, b_kind, reason, reason_later
    ORDER BY md5(user_id || ' ' || episode), user_id, episode) AS nth
  FROM differing)
WHERE nth <= {OF_EACH}
ORDER BY nth, difference, reason, reason_later, a_kind, b_kind LIMIT {AT_MOST}
"""
"""By a hash: so not only of the first shoppers, and the same ones wherever and however often they are taken."""
_EXAMPLES: Final = """
SELECT difference, reason, reason_later, first, sample.user_id, sample.cart_id, sample.intervention_id,
  sample.cart_abandoned, sample.cart_ended_after_ms, sample.bought_after_ms,
  {'at_ms': sample.at_ms, 'sent': true, 'kind': sample.action, 'reason': NULL, 'mode': sample.mode,
   'abandon_30m': sample.abandon_30m, 'purchase_24h': sample.purchase_24h} AS one,
  CASE WHEN later.cause IS NULL THEN
    {'at_ms': sample.at_ms, 'sent': false, 'kind': sample.action, 'reason': reason, 'mode': other_mode,
     'abandon_30m': other_abandon_30m, 'purchase_24h': other_purchase_24h}
  ELSE
    {'at_ms': later.at_ms, 'sent': true, 'kind': later.action, 'reason': NULL, 'mode': later.mode,
     'abandon_30m': later.abandon_30m, 'purchase_24h': later.purchase_24h} END AS other
FROM sample LEFT JOIN sent later ON later.side <> first AND later.user_id = sample.user_id
  AND later.episode = sample.episode
ORDER BY nth, difference, reason, reason_later, a_kind, b_kind
"""
_CONTENTS: Final = """
SELECT record->>'$.intervention_id', record->>'$.content'
FROM read_json(?, format='newline_delimited', columns={record: 'JSON'})
WHERE record->>'$.intervention_id' IN (SELECT intervention_id FROM sample WHERE first = ?)
"""
_content: Final = msgspec.json.Decoder(Content).decode


def examples(database: "DuckDBPyConnection", folders: tuple[Path, Path]) -> tuple[Example, ...]:
    """Some of each reason, the first ones by a hash of the cart. `folders` are those of the two replays."""
    database.execute(_SAMPLE)
    carts = {first: _contents(database, folder, first) for first, folder in zip("AB", folders, strict=True)}
    return tuple(_example(*row, carts) for row in database.execute(_EXAMPLES).fetchall())


def _contents(database: "DuckDBPyConnection", folder: Path, side: str) -> dict[str, Content]:
    """What was in the carts, by intervention."""
    files = files_of(folder, [topic.name for topic in INTERVENTIONS.values()])
    if not files:
        return {}
    return {id_: _content(text) for id_, text in database.execute(_CONTENTS, [files, side]).fetchall()}


def _example(*row: Any) -> Example:
    difference, reason, reason_later, first, user_id, cart_id, id_, abandoned, ended, bought, one, other, carts = row
    cart = carts[first][id_]
    a, b = (one, other) if first == "A" else (other, one)
    return Example(
        difference=difference,
        reason=reason,
        reason_later=reason_later,
        user_id=user_id,
        cart_id=cart_id,
        at_ms=one["at_ms"],
        value=cart.total_value,
        currency=cart.currency,
        products=tuple(Product(name=line.name or line.product_id, quantity=line.quantity) for line in cart.products),
        a=Act(**a),
        b=Act(**b),
        cart_abandoned=abandoned,
        cart_ended_after_ms=ended,
        bought_after_ms=bought,
    )

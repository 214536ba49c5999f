"""One event of another system's log, in Segment's words: what the readers of all formats make."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import msgspec

from schemas.topics import CLICK
from streams.feed import Arrival
from streams.replay.formats.segment import TOPICS

_encode: Final = msgspec.json.Encoder().encode


class Row(NamedTuple):
    """What every row of a log says. `at_ms` is when it arrived, and where `times` says nothing else, when it happened.

    `shopper` may be empty: it is then for ingest to refuse.
    """

    message_id: str
    shopper: str
    at_ms: int
    times: Mapping[str, Any] = MappingProxyType({})


def arrival(row: Row, name: str, properties: dict[str, Any], anonymous_id: str = "") -> Arrival:
    """The event on its way to its topic. A name that Kairos does not know goes to the click topic, to be refused.

    >>> arrival(Row("log:1", "ann", 1_000), "Products Searched", {"query": "mug"}).topic
    'shop.events.click.v1'
    """
    event: dict[str, Any] = {"event": name, "messageId": row.message_id}
    if row.shopper:
        event["userId"] = row.shopper
    if anonymous_id:
        event["anonymousId"] = anonymous_id
    event |= {"timestamp": row.at_ms, "receivedAt": row.at_ms, **row.times, "properties": properties}
    shopper = row.shopper or anonymous_id
    return Arrival(row.at_ms, TOPICS.get(name, CLICK.name), shopper.encode() or None, _encode(event))


def given(**properties: Any) -> dict[str, Any]:
    """The properties that are there: None and "" are left out."""
    return {name: value for name, value in properties.items() if value is not None and value != ""}

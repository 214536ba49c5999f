"""How an event of the simulated shop is written down: Segment's JSON, with the times that a real sender would give."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

import msgspec

from schemas.kinds import NAMES, Kind
from schemas.topics import CART, CLICK, CONSENT, PURCHASE, Topic
from streams.simulator.happening import Happening, Visitor

Message = dict[str, Any]
"""A Segment message before it is encoded."""

encode: Final = msgspec.json.Encoder().encode
TRANSIT_MS: Final = 60
"""The time from a device to the shop."""

_PARTS: Final = tuple(f".{ms:03d}Z" for ms in range(1_000))


def topic_of(kind: Kind) -> Topic:
    """The input topic of an event.

    >>> topic_of(Kind.CART_VIEWED).name
    'shop.events.cart.v1'
    """
    if kind is Kind.CONSENT_UPDATED:
        return CONSENT
    if kind >= Kind.ORDER_COMPLETED:
        return PURCHASE
    return CART if kind >= Kind.PRODUCT_ADDED else CLICK


def iso(at_ms: int) -> str:
    """ISO 8601 in UTC with milliseconds.

    >>> iso(1_700_000_000_007)
    '2023-11-14T22:13:20.007Z'
    """
    return _second(at_ms // 1_000) + _PARTS[at_ms % 1_000]


@lru_cache(maxsize=8_192)
def _second(at_s: int) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def message(visitor: Visitor, happening: Happening, at_ms: int, message_id: str) -> Message:
    """What the device writes down at once: everything but when it is sent and received."""
    body = "context" if happening.kind is Kind.CONSENT_UPDATED else "properties"
    return {
        "type": "track", "event": NAMES[happening.kind], "messageId": message_id, **visitor.identity,
        "originalTimestamp": iso(at_ms - TRANSIT_MS + visitor.clock_ms), body: happening.properties,
    }  # fmt: skip


def stamp(message: Message, at_ms: int, received_ms: int, clock_ms: int) -> None:
    """Add the times of one sending: the collector corrects the device's clock by `received - (sent - original)`."""
    message["sentAt"] = iso(received_ms - TRANSIT_MS + clock_ms)
    message["receivedAt"] = iso(received_ms)
    message["timestamp"] = iso(at_ms)

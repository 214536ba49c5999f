"""Segment's e-commerce events as JSON Lines, in the order in which they were received."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

import msgspec

from schemas.kinds import FIRST_CART, FIRST_PURCHASE, LAST_CART, LAST_CLICK, LAST_PURCHASE, NAMES, Kind
from schemas.topics import CART, CLICK, CONSENT, PURCHASE
from streams.feed import Arrival
from streams.replay.formats.bad_line import bad_line, never_backwards


class _Envelope(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """What has to be known of an event to send it on. The rest of the line is not looked at."""

    event: str
    user_id: str | None = None
    anonymous_id: str | None = None
    received_at: datetime | int | None = None
    timestamp: datetime | int | None = None
    original_timestamp: datetime | int | None = None


_decode: Final = msgspec.json.Decoder(_Envelope).decode


def topic_of(kind: Kind) -> str:
    """The input topic of a kind of event.

    >>> topic_of(Kind.CART_VIEWED)
    'shop.events.cart.v1'
    """
    if kind <= LAST_CLICK:
        return CLICK.name
    if FIRST_CART <= kind <= LAST_CART:
        return CART.name
    return PURCHASE.name if FIRST_PURCHASE <= kind <= LAST_PURCHASE else CONSENT.name


TOPICS: Final = {name: topic_of(kind) for kind, name in NAMES.items()}
"""The input topic of each of Segment's names."""


def recognises(first_line: bytes) -> bool:
    """Whether a file that begins with this line is JSON Lines of Segment events."""
    return _envelope(first_line) is not None


def read(lines: Iterable[tuple[int, bytes]], file_name: str, _currency: str = "") -> Iterator[Arrival]:
    """An arrival for each line, the bytes as they are, keyed by the shopper, on the topic of its event.

    It arrives when it was received, else at its own time, and never before the line above it. A line that is no event
    that Kairos knows, or has no time, becomes `bad_line`.
    """
    return never_backwards(arrival(line) or bad_line(file_name, number, line) for number, line in lines)


def arrival(line: bytes, at_ms: int | None = None) -> Arrival | None:
    """A Segment event on its way to its topic, at `at_ms` where that is given; None where it is no such event."""
    envelope = _envelope(line)
    if envelope is None:
        return None
    at_ms = _at_ms(envelope) if at_ms is None else at_ms
    if at_ms is None:
        return None
    shopper = envelope.user_id or envelope.anonymous_id
    return Arrival(at_ms, TOPICS[envelope.event], shopper.encode() if shopper else None, line)


def _envelope(line: bytes) -> _Envelope | None:
    try:
        envelope = _decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return envelope if envelope.event in TOPICS else None


def _at_ms(envelope: _Envelope) -> int | None:
    for time in (envelope.received_at, envelope.timestamp, envelope.original_timestamp):
        if isinstance(time, int):
            return time
        if time is not None and time.tzinfo is not None:
            return int(time.timestamp() * 1000)
    return None

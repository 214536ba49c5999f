"""A shopper's last events: a ring of slots, as they stand in the timeline."""

from typing import Final

from inference.inputs import HISTORY_EVENTS
from schemas.history import ID_BYTES, RING_EVENTS, SLOT_SIZE
from schemas.kinds import LAST_CART, LAST_CLICK, LAST_PURCHASE
from schemas.shopper import Shopper
from streams.core.counters import roll

_ID_AT: Final = ID_BYTES.start
_SEEN: Final = HISTORY_EVENTS * SLOT_SIZE


def knows(ring: bytearray, id_: bytes) -> bool:
    """Whether one of the events in the ring has this message id (6 bytes).

    >>> knows(bytearray(7) + b"abcdef" + bytearray(16), b"abcdef"), knows(bytearray(29), b"abcdef")
    (True, False)
    """
    at = ring.find(id_)
    while at >= 0 and at % SLOT_SIZE != _ID_AT:
        at = ring.find(id_, at + 1)
    return at >= 0


def remember(shopper: Shopper, slot: bytes, hour: int) -> bool:
    """Put an event of this hour into the ring, where the oldest goes when it is full, and count it.

    False, and nothing but a repeat is counted, where the ring knows the message id already.
    """
    ring, events, kind, id_ = shopper.ring, shopper.events, slot[0], slot[ID_BYTES]
    if ring.find(id_) >= 0 and knows(ring, id_):
        shopper.duplicates += 1
        return False
    if events < RING_EVENTS - 1:
        ring += slot
    elif events == RING_EVENTS - 1:
        shopper.ring = (
            ring + slot
        )  # a new one: what was grown bit by bit has room to spare that a full ring never needs
    else:
        at = events % RING_EVENTS * SLOT_SIZE
        ring[at : at + SLOT_SIZE] = slot
    shopper.events = events + 1
    if hour > shopper.hour:
        roll(shopper, hour)
    if kind <= LAST_CLICK:
        shopper.clicks += 1
    elif kind <= LAST_CART:
        shopper.carts += 1
    elif kind <= LAST_PURCHASE:
        shopper.purchases += 1
    return True


def recent(shopper: Shopper) -> bytes:
    """The slots of the last 32 events, oldest first."""
    ring = shopper.ring
    if shopper.events <= RING_EVENTS:
        return bytes(ring[-_SEEN:])
    end = shopper.events % RING_EVENTS * SLOT_SIZE
    return bytes(ring[end - _SEEN : end] if end >= _SEEN else ring[end - _SEEN :] + ring[:end])

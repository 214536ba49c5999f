"""A shopper's last events: a ring of slots, as they stand in the timeline."""

from typing import Final

from inference.inputs import HISTORY_EVENTS
from schemas.history import ID_SIZE, RING_EVENTS, SLOT_SIZE
from schemas.kinds import LAST_CART, LAST_CLICK, LAST_PURCHASE
from schemas.shopper import Shopper
from streams.core.counters import roll

_SEEN: Final = HISTORY_EVENTS * SLOT_SIZE
_ALL_BUT_ONE: Final = (RING_EVENTS - 1) * ID_SIZE


def knows(ids: bytes, id_: bytes) -> bool:
    """Whether this message id (6 bytes) is among the ids, and not only in the middle of two of them.

    >>> knows(b"abcdef" b"ghijkl", b"ghijkl"), knows(b"abcdef" b"ghijkl", b"defghi")
    (True, False)
    """
    at = ids.rfind(id_)
    while at >= 0 and at % ID_SIZE:
        at = ids.rfind(id_, 0, at + ID_SIZE - 1)
    return at >= 0


def remember(shopper: Shopper, id_: bytes, slot: bytes, hour: int) -> bool:
    """Put an event of this hour into the ring, where the oldest goes when it is full, and count it.

    False, and nothing but a repeat is counted, where the message id is one of the last 64.
    """
    ids = shopper.ids
    if ids.rfind(id_) >= 0 and knows(ids, id_):  # rfind: of bytes it is several times as fast as find
        shopper.duplicates += 1
        return False
    shopper.ids = ids[-_ALL_BUT_ONE:] + id_
    ring, events, kind = shopper.ring, shopper.events, slot[0]
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

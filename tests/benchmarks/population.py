"""Shoppers of a large shop as changelog records: most came once or twice, few have a full history or an open cart."""

from collections.abc import Iterator
from functools import cache
from random import Random

from schemas.history import ID_SIZE, RING_EVENTS, SLOT_SIZE
from schemas.shopper import Cart, Shopper, encode_shopper
from schemas.timeline import Item

START_MS = 1_790_000_000_000
HOUR = START_MS // 3_600_000
EVENTS = (1, 1, 1, 2, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 30, RING_EVENTS)
"""One in sixteen shoppers each: ten events in the middle, a full ring at most."""
OPEN_CARTS_ONE_IN = 50
VARIANTS = 61
"""Records are made of so many different histories: making ten million of their own would be what is measured."""
_NOISE = Random(1).randbytes(VARIANTS * RING_EVENTS * (ID_SIZE + SLOT_SIZE))


def key_of(number: int) -> bytes:
    """A user id of usual length."""
    return b"user-%010d" % number


def record_of(number: int) -> bytes:
    """The changelog record of one shopper."""
    return _record(EVENTS[number * 7 % len(EVENTS)], number % OPEN_CARTS_ONE_IN == 0, number % VARIANTS)


@cache
def _record(events: int, cart: bool, variant: int) -> bytes:
    noise = _NOISE[variant * RING_EVENTS * (ID_SIZE + SLOT_SIZE) :]
    return encode_shopper(
        Shopper(
            fence=0, events=events, hour=HOUR - variant, ids=noise[: events * ID_SIZE],
            ring=bytearray(noise[events * ID_SIZE : events * (ID_SIZE + SLOT_SIZE)]), clicks=events,
            open_carts=(_cart(variant),) if cart else (), asked_ms=START_MS - variant,
        )
    )  # fmt: skip


def population(shoppers: int) -> Iterator[tuple[bytes, bytes]]:
    """Keys and records."""
    return ((key_of(number), record_of(number)) for number in range(shoppers))


def _cart(number: int) -> Cart:
    items = (Item(f"sku-{number % 50_000:06}", 1_999, 1, "electronics.phone", "A phone"),)
    return Cart("", (2, 0, number, 0), START_MS, START_MS, START_MS + 1_800_000 + number % 1_000_000, "EUR", items)

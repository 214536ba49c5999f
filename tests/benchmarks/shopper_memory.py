"""How much memory a shopper takes, at a million of them: `python tests/benchmarks/shopper_memory.py [--json]`.

Every shopper has a full history (64 events over eight days), counters in all windows, a purchase and a consent; few
have an open cart at any time, so one with two products and its timer is measured beside. Each figure is the growth of
the resident memory of a process of its own:

- restored: a million taken over from changelog records, as after a restart, in one shard with its timers; they stay
  encoded until they come back, but for those with an open cart
- grown: shoppers that the live step has built, event by event (fewer of them: it takes longer)
"""

import argparse
import gc
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import msgspec

from schemas.history import RING_EVENTS, SLOT_SIZE
from schemas.kinds import Kind
from schemas.shopper import Meta, encode_shopper
from schemas.timeline import Coordinate, Detail, Item, Slot, Tick, encode_entry, encode_tick
from streams.core.shard import Rules, Shard
from streams.core.step import step
from streams.table.changelog import Restored

LIMIT_BYTES = 2_500
"""2.5 KB, counted in thousands."""
GROWN = 20_000
START_MS = 1_790_000_000_000
DAY_MS = 86_400_000
EVENTS = 70
"""More than the ring remembers, so that it is full."""


class Record(NamedTuple):
    """A timeline record, as `step` reads it."""

    offset: int
    key: bytes | None
    value: bytes


def rss_bytes() -> int:
    """Resident memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def kind_of(nth: int, cart: bool) -> Kind:
    """A consent first, an order in the middle, two cart adds at the end where there is a cart, and views."""
    special = {0: Kind.CONSENT_UPDATED, 30: Kind.ORDER_COMPLETED}
    if cart and nth >= EVENTS - 2:
        return Kind.PRODUCT_ADDED
    return special.get(nth, Kind.PRODUCT_VIEWED)


def at_ms_of(nth: int) -> int:
    """Events are spread over eight days; the last two come together, so that their cart is open."""
    return START_MS + min(nth, EVENTS - 2) * 8 * DAY_MS // EVENTS + nth


def value_of(nth: int, source_offset: int, cart: bool) -> bytes:
    """The n-th event of a shopper."""
    kind, at_ms = kind_of(nth, cart), at_ms_of(nth)
    slot = Slot(kind, at_ms, source_offset * 2_654_435_761 & 0xFFFFFFFFFFFF, nth + 1, 7, 1_999)
    items = (Item(f"sku-{source_offset % 50_000:06}", 1_999, 1, "electronics.phone", "A phone"),)
    consents = (("marketing", True),) if kind is Kind.CONSENT_UPDATED else ()
    detail = Detail(f"5b4fd7c0-9d0f-{source_offset:012}", items, "EUR", "", consents=consents)
    return encode_entry(Coordinate(1, 0, source_offset), slot, detail)


def records(shoppers: int, cart: bool) -> Iterator[Record]:
    """A timeline in which all shoppers do the same at the same time, with a TICK after each event of all."""
    offset = 0
    for nth in range(EVENTS):
        for number in range(shoppers):
            yield Record(offset, key_of(number), value_of(nth, offset, cart))
            offset += 1
        tick = Tick(at_ms_of(nth) + 1, at_ms_of(nth) + 1)
        yield Record(offset, None, encode_tick(tick))
        offset += 1


def key_of(number: int) -> bytes:
    """A user id of usual length."""
    return f"user-{number:08}".encode()


def built(shoppers: int, cart: bool) -> Shard:
    """Shoppers as the live step builds them. What waits for the next commit is taken as written."""
    shard = Shard()
    step(shard, records(shoppers, cart), Rules(ask_models=False))
    shard.changed.clear()
    return shard


def grown(shoppers: int, cart: bool) -> float:
    """Bytes a shopper."""
    before = rss_bytes()
    shard = built(min(GROWN, shoppers), cart)
    gc.collect()
    return (rss_bytes() - before) / len(shard.shoppers)


def restored(shoppers: int, cart: bool) -> float:
    """Bytes a shopper."""
    value = full(cart)
    gc.collect()
    before, table, shard = rss_bytes(), Restored(), Shard()
    for number in range(shoppers):
        table.apply(key_of(number), bytes(bytearray(value)))  # bytes of its own, as from a changelog
        if number % 100_000 == 0:
            print(f"restoring: {number:,} of {shoppers:,}", file=sys.stderr)
    shard.restore(table.shoppers, Meta())
    gc.collect()
    return (rss_bytes() - before) / shoppers


def full(cart: bool) -> bytes:
    """The changelog record of one shopper. Ends the process if it is not what was meant."""
    shopper = built(1, cart).shoppers[key_of(0)]
    is_full = len(shopper.ring) == RING_EVENTS * SLOT_SIZE and shopper.orders == 1 and len(shopper.earlier) > 0
    if not is_full or len(shopper.open_carts) != cart:
        sys.exit(f"expected a shopper with a full history, counters and {int(cart)} open carts, got {shopper}")
    return encode_shopper(shopper)


def main() -> None:
    """Print what was measured, as text or as one JSON object; exit code 1 above the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--shoppers", type=int, default=1_000_000)
    asked = parser.parse_args()
    figures = {"shoppers": asked.shoppers, "limit": LIMIT_BYTES, "bytes_in_the_changelog": len(full(cart=False))}
    for measure, cart in ((restored, False), (restored, True), (grown, False), (grown, True)):
        with ProcessPoolExecutor(1, get_context("spawn")) as fresh:
            figure = fresh.submit(measure, asked.shoppers, cart).result()
        figures[f"bytes_{measure.__name__}{'_with_an_open_cart' * cart}"] = round(figure)
    if asked.json:
        print(msgspec.json.encode(figures).decode())
    else:
        print("\n".join(f"{figure:>9,} {name.replace('_', ' ')}" for name, figure in figures.items()))
    sys.exit(figures["bytes_restored"] > LIMIT_BYTES)


if __name__ == "__main__":
    main()

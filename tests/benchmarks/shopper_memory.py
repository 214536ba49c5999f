"""How much memory a shopper takes, at a million of them: `python tests/benchmarks/shopper_memory.py [--json]`.

Every shopper has a full history (64 events over eight days), counters in all windows, a purchase, a consent, and an
open cart with two products and its timer. Measured as the growth of the process's resident memory:

- grown: shoppers that the live step has built, event by event (fewer of them: it takes longer)
- restored: a million taken over from changelog records, as after a restart, in one shard with its timers
"""

import argparse
import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from schemas.kinds import Kind
from schemas.shopper import Meta, decode_shopper, encode_shopper
from schemas.timeline import Coordinate, Detail, Item, Slot, Tick, encode_entry, encode_tick
from streams.core.shard import Rules, Shard
from streams.core.step import step
from streams.table.changelog import Restored

LIMIT_BYTES = 2_500
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


def kind_of(nth: int) -> Kind:
    """A consent first, an order in the middle, two cart adds at the end, and views."""
    if nth == 0:
        return Kind.CONSENT_UPDATED
    if nth in {30, EVENTS - 2, EVENTS - 1}:
        return Kind.ORDER_COMPLETED if nth == 30 else Kind.PRODUCT_ADDED
    return Kind.PRODUCT_VIEWED


def value_of(nth: int, source_offset: int) -> bytes:
    """The n-th event of a shopper: they are spread over eight days, but for the cart, which is open."""
    kind = kind_of(nth)
    at_ms = START_MS + min(nth, EVENTS - 2) * 8 * DAY_MS // EVENTS + nth
    slot = Slot(kind, at_ms, source_offset * 2_654_435_761 & 0xFFFFFFFFFFFF, nth + 1, 7, 1_999)
    items = (Item(f"sku-{source_offset % 50_000:06}", 1_999, 1, "electronics.phone", "A phone"),)
    consents = (("marketing", True),) if kind is Kind.CONSENT_UPDATED else ()
    detail = Detail(f"5b4fd7c0-9d0f-{source_offset:012}", items, "EUR", "", consents=consents)
    return encode_entry(Coordinate(1, 0, source_offset), slot, detail)


def records(shoppers: int) -> Iterator[Record]:
    """A timeline in which all shoppers do the same at the same time, with a TICK after each event of all."""
    offset = 0
    for nth in range(EVENTS):
        for number in range(shoppers):
            yield Record(offset, key_of(number), value_of(nth, offset))
            offset += 1
        at_ms = START_MS + min(nth, EVENTS - 2) * 8 * DAY_MS // EVENTS + nth + 1
        yield Record(offset, None, encode_tick(Tick(at_ms, at_ms)))
        offset += 1


def key_of(number: int) -> bytes:
    """A user id of usual length."""
    return f"user-{number:08}".encode()


def grown(shoppers: int) -> tuple[float, Shard]:
    """Bytes a shopper, and the shard. What waits for the next commit is taken as written."""
    gc.collect()
    before, shard = rss_bytes(), Shard()
    step(shard, records(shoppers), Rules(ask_models=False))
    shard.changed.clear()
    gc.collect()
    return (rss_bytes() - before) / shoppers, shard


def restored(shoppers: int, value: bytes) -> float:
    """Bytes a shopper."""
    gc.collect()
    before, table, shard = rss_bytes(), Restored(), Shard()
    for number in range(shoppers):
        table.apply(key_of(number), value)
        if number % 50_000 == 0:
            print(f"\rrestoring: {number:,} of {shoppers:,}", end="", file=sys.stderr)
    print(file=sys.stderr)
    shard.restore(table.shoppers, Meta())
    gc.collect()
    return (rss_bytes() - before) / shoppers


def main() -> None:
    """Print what was measured, as text or as one JSON object; exit code 1 above the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--shoppers", type=int, default=1_000_000)
    asked = parser.parse_args()
    by_step, shard = grown(min(GROWN, asked.shoppers))
    value = encode_shopper(shard.shoppers[key_of(7)])
    one = decode_shopper(value)
    full = len(one.ring) == 64 * 29 and one.open_carts and len(one.earlier) > 0 and one.orders == 1
    if not full:
        sys.exit(f"expected a shopper with a full history, an open cart and counters, got {one}")
    by_load = restored(asked.shoppers, value)
    figures = {"shoppers": asked.shoppers, "bytes_grown": round(by_step), "bytes_restored": round(by_load)}
    if asked.json:
        print(msgspec.json.encode({**figures, "bytes_in_the_changelog": len(value), "limit": LIMIT_BYTES}).decode())
    else:
        print(f"{by_step:,.0f} bytes a shopper, grown by the live step ({min(GROWN, asked.shoppers):,} shoppers)")
        print(f"{by_load:,.0f} bytes a shopper, restored ({asked.shoppers:,}); at most {LIMIT_BYTES:,}")
        print(f"{len(value):,} bytes in the changelog before compression")
    sys.exit(by_load > LIMIT_BYTES or by_step > LIMIT_BYTES)


if __name__ == "__main__":
    main()

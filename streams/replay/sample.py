"""Whole stories of a few shoppers, drawn by chance while a log is replayed: what a report shows to be clicked through.

Drawn are those whose key's hash is smallest: which these are is a function of the partition's log alone.
"""

from collections.abc import Iterator
from heapq import heappop, heappush
from typing import Any, Final

import msgspec
import xxhash

from schemas.kinds import NAMES
from schemas.timeline import SLOT_AT, Entry, decode_entry
from streams.replay.timeline import Logged
from streams.replay.timeline_lines import mistake

MOST_EVENTS: Final = 5_000
"""So many are kept of a partition: the more shoppers there are, the smaller is the part that is drawn."""
MOST_OF_ONE: Final = 200
"""So many events of one shopper are kept, the first ones; how many more there were is told."""


_KINDS: Final = frozenset(map(int, NAMES))


class SampledEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An event of the sample. Text is the shop's and the shopper's own."""

    at_ms: int
    event: str
    products: tuple[str, ...] = ()
    cart_id: str = ""
    order_id: str = ""
    query: str = ""


class SampledShopper(msgspec.Struct, frozen=True, kw_only=True):
    """A shopper's events, in the order of the log. `left_out`: how many more there were."""

    user_id: str
    left_out: int
    events: tuple[SampledEvent, ...]


class _Kept:
    """One shopper's records."""

    __slots__ = ("records", "seen")

    def __init__(self) -> None:
        self.records: list[bytes] = []
        self.seen = 0


class Sample:
    """The drawn shoppers of one partition."""

    def __init__(self) -> None:
        self._kept: dict[bytes, _Kept] = {}
        self._last: list[tuple[int, bytes]] = []  # a heap: the next one to be dropped is first
        self._below = 1 << 64
        self._events = 0

    def see(self, record: Logged) -> None:
        """Take an event."""
        key = record.key
        if key is None or (chance := _chance(key)) >= self._below or not _is_known(record):
            return
        kept = self._kept.get(key)
        if kept is None:
            kept = self._kept[key] = _Kept()
            heappush(self._last, (-chance, key))
        kept.seen += 1
        if len(kept.records) < MOST_OF_ONE:
            kept.records.append(record.value)
            self._events += 1
        while self._events > MOST_EVENTS:
            self._drop()

    def _drop(self) -> None:
        below, key = heappop(self._last)
        self._below = -below
        self._events -= len(self._kept.pop(key).records)

    def shoppers(self) -> Iterator[SampledShopper]:
        """The shoppers, in the order in which they were drawn."""
        for key in sorted(self._kept, key=_chance):
            kept = self._kept[key]
            events = tuple(_event(decode_entry(value)) for value in kept.records)
            yield SampledShopper(user_id=key.decode(errors="replace"), left_out=kept.seen - len(events), events=events)


def _is_known(record: Logged) -> bool:
    return mistake(record) is None and record.value[SLOT_AT] in _KINDS


def _chance(key: bytes) -> int:
    return xxhash.xxh3_64_intdigest(key)


def _event(entry: Entry) -> SampledEvent:
    detail: Any = entry.detail
    return SampledEvent(
        at_ms=entry.slot.at_ms,
        event=NAMES[entry.slot.kind],
        products=tuple(item.product_id for item in detail.items),
        cart_id=detail.cart_id,
        order_id=detail.order_id,
        query=detail.query,
    )

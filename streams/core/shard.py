"""Everything that is known of one timeline partition: its shoppers, its watermark, its source fence, its timers.

A shard is plain data. `streams/core/step.py` moves it along the log, `streams/pipeline.py` stores and restores it.
"""

from collections.abc import Collection, Container, Iterator
from heapq import heapify, heappop, heappush

import msgspec

from schemas.shopper import Glance, Meta, Shopper
from schemas.timeline import ORDINAL_BITS
from streams.core.encoded import Encoded
from streams.core.episodes import due_times
from streams.core.shoppers import Cold, Shoppers


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of a step. Times are log time."""

    cart_idle_ms: int = 30 * 60_000
    score_every_ms: int = 5_000
    shopper_ttl_ms: int = 30 * 86_400_000
    ask_models: bool = True  # without a model only timers and purchases ask for a decision


class Shard:
    """The state of one timeline partition. `offset` is the next one to read."""

    def __init__(self) -> None:
        self.shoppers = Shoppers(Encoded())
        self.changed: dict[bytes, Shopper] = {}
        self.forgotten: dict[bytes, Shopper] = {}
        self.gone: list[Shopper] = []  # the last records of whoever was forgotten since the last commit
        self.sources: dict[int, int] = {}
        self.timers: list[tuple[int, bytes]] = []
        self.watermark_ms = -1
        self.consent_ms = -1
        self.offset = 0

    def schedule(self, due_ms: int, key: bytes) -> None:
        """Look at this shopper when the watermark reaches `due_ms`. One time too many does no harm."""
        heappush(self.timers, (due_ms, key))

    def due(self) -> Iterator[bytes]:
        """The shoppers whose time has come, earliest first, each perhaps more than once."""
        while self.timers and self.timers[0][0] <= self.watermark_ms:
            yield heappop(self.timers)[1]

    def restore(self, shoppers: Cold, meta: Meta) -> None:
        """Take over what the changelog held. Timers are a cache: they are rebuilt from those with something open."""
        self.shoppers = Shoppers(shoppers)
        self.watermark_ms, self.consent_ms, self.offset = meta.watermark_ms, meta.consent_ms, meta.offset
        self.sources = {topic << 16 | part: offset << ORDINAL_BITS | nth for topic, part, offset, nth in meta.sources}
        self.timers = [(due_ms, key) for key, shopper in self.shoppers.hot.items() for due_ms in due_times(shopper)]
        heapify(self.timers)

    def meta(self) -> Meta:
        """The meta record of this moment."""
        sources = tuple(
            sorted((at >> 16, at & 0xFFFF, seen >> ORDINAL_BITS, seen & 0xFFFF) for at, seen in self.sources.items())
        )
        return Meta(self.offset, self.watermark_ms, self.consent_ms, sources)

    def cool(self, most: int, decided: Container[bytes]) -> None:
        """Keep at most so many shoppers in memory, beside those who have something open or unwritten."""
        self.shoppers.cool(most, self.changed, decided)

    def forget_idle(self, due: Collection[int], before_ms: int) -> None:
        """At a TICK, forget whoever has no open cart and no event since `before_ms`, in the slices that are due.

        By the hour. What they said about consent is kept: a no holds for longer than a visit.
        """
        hour = before_ms // 3_600_000
        for key, shopper in self.shoppers.slices(due):
            if self._idle(shopper, hour):
                self._forget(key)

    def _forget(self, key: bytes) -> None:
        gone = self.shoppers[key]
        self.gone.append(gone)
        stub = Shopper(fence=self.offset - 1, consents=gone.consents, consented_ms=gone.consented_ms)
        if stub.consents:
            self.changed[key] = self.shoppers.put(key, stub)
        else:
            self.shoppers.remove(key)
            self.changed.pop(key, None)
            self.forgotten[key] = stub  # until the offset is committed past this one

    def _idle(self, shopper: Shopper | Glance, hour: int) -> bool:
        """Whether this TICK forgets it: not where the record is of a later place in the log, from before a crash."""
        tick_offset = self.offset - 1
        if not shopper.events:
            return not shopper.consents and shopper.fence <= tick_offset
        return shopper.hour < hour and shopper.fence < tick_offset

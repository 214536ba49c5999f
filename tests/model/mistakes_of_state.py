"""Plausible mistakes in what is known of a partition and how it is stepped: its fences, its watermark, its timers."""

from collections.abc import Collection, Iterable

from schemas.kinds import Kind
from schemas.shopper import Meta
from schemas.timeline import SLOT_AT, decode_tick
from streams.core.asks import Ask
from streams.core.shard import Shard
from streams.core.shoppers import Cold
from streams.core.step import Record
from streams.pipeline import Partition


class _NoPositions(dict[int, int]):
    """Remembers no source."""

    def get(self, _source: int, default: int = -1) -> int:  # type: ignore[override]
        return default


class _NoOrdinals(dict[int, int]):
    """Takes all records that came of one source record for the same."""

    def get(self, source: int, default: int = -1) -> int:  # type: ignore[override]
        return self[source] | 0xFFFF if source in self else default


class NoSourceFence(Shard):
    """What ingest appended twice is applied twice."""

    def __init__(self) -> None:
        super().__init__()
        self.sources = _NoPositions()

    def restore(self, shoppers: Cold, meta: Meta) -> None:
        super().restore(shoppers, meta)
        self.sources = _NoPositions(self.sources)


class FenceWithoutOrdinal(Shard):
    """The source fence knows the offset only."""

    def __init__(self) -> None:
        super().__init__()
        self.sources = _NoOrdinals()

    def restore(self, shoppers: Cold, meta: Meta) -> None:
        super().restore(shoppers, meta)
        self.sources = _NoOrdinals(self.sources)


class NoShopperFence(Shard):
    """After a restart events are applied to shoppers that know them already."""

    def restore(self, shoppers: Cold, meta: Meta) -> None:
        super().restore(shoppers, meta)
        for shopper in self.shoppers.values():
            shopper.fence = min(shopper.fence, meta.offset - 1)


class TimersNotRebuilt(Shard):
    """After a restart nobody looks at the deadlines in the records."""

    def restore(self, shoppers: Cold, meta: Meta) -> None:
        super().restore(shoppers, meta)
        self.timers = []


class ForgetsTheFuture(Shard):
    """A record of a later place in the log, from before a crash, is forgotten too."""

    def forget_idle(self, due: Collection[int], before_ms: int) -> None:
        fences = {key: shopper.fence for key, shopper in self.shoppers.items()}
        for shopper in self.shoppers.values():
            shopper.fence = min(shopper.fence, self.offset - 2)
        super().forget_idle(due, before_ms)
        for key, shopper in self.shoppers.items():
            shopper.fence = max(shopper.fence, fences[key])


class ShopperFenceFirst(Partition):
    """What the shopper's fence drops does not advance the source fence."""

    def step(self, block: Iterable[Record]) -> list[Ask]:
        made: list[Ask] = []
        for record in block:
            shopper = self.shard.shoppers.get(record.key) if record.key else None
            if shopper is not None and record.offset <= shopper.fence:
                self.shard.offset = record.offset + 1
            else:
                made += super().step((record,))
        return made


class LastTick(Partition):
    """The watermark is the last TICK, and falls with it."""

    def step(self, block: Iterable[Record]) -> list[Ask]:
        made: list[Ask] = []
        for record in block:
            if _is_tick(record):
                self.shard.watermark_ms = min(self.shard.watermark_ms, decode_tick(record.value).at_ms - 1)
            made += super().step((record,))
        return made


class FireAtBlockEnd(Partition):
    """Timers fire when a block has been stepped."""

    def step(self, block: Iterable[Record]) -> list[Ask]:
        records = list(block)
        made = super().step([record for record in records if not _is_tick(record)])
        made += super().step([record for record in records if _is_tick(record)])
        self.shard.offset = records[-1].offset + 1
        return made


def _is_tick(record: Record) -> bool:
    return record.key is None and record.value is not None and record.value[SLOT_AT] == Kind.TICK

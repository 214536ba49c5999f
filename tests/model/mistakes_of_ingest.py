"""Plausible mistakes of the ingest stage, each in one place."""

from collections import deque

from streams.clock import LogClock
from streams.progress import Ends, InputPartition, Probe, ProgressKeeper, Publish
from tests.model.ingest_process import Append, Flush, IngestProcess, Read
from tests.model.shop import Input


class ProgressBeforeAcks(IngestProcess):
    """Progress is told when records are handed over."""

    def collected(self, read: Read, appends: list[Append]) -> None:
        super().collected(read, appends)
        self.keeper.acknowledged(read.source, read.span.next_offset, read.last_ms)


class ProgressOutOfOrder(IngestProcess):
    """Progress is told when a block is acknowledged, whatever became of those before it."""

    def settled(self) -> list[Flush]:
        settled = [flush for flush in self.flushes if not flush.waiting]
        self.flushes = deque(flush for flush in self.flushes if flush.waiting)
        return settled


class LogOrder(IngestProcess):
    """An event gets the time at which it is appended: log order is taken for event order."""

    def entries(self, record: Input) -> list[tuple[bytes, bytes]]:
        values = self.shop.entries(record, self.broker.now_s)
        return [(key, value) for (key, _), value in zip(super().entries(record), values, strict=True)]


class AppendGap(IngestProcess):
    """A failed append is tried again behind the others."""

    def next_append(self, lane: deque[Append]) -> Append:
        if self.rng.random() < 0.05:
            lane.rotate(-1)
        return super().next_append(lane)


class InputCommitFirst(IngestProcess):
    """The input offset is committed when records are handed over."""

    def committable(self, source: InputPartition) -> int:
        return self.read_to[source].position


class KeyNotPure(IngestProcess):
    """A record's key is looked up when it is appended, so it may be another one the next time."""

    def entries(self, record: Input) -> list[tuple[bytes, bytes]]:
        keys = [self.shop.key(user, self.broker.now_s) for user in record.happening.users]
        return list(zip(keys, self.shop.entries(record), strict=True))


class NowAfterEnds(ProgressKeeper):
    """The clock is read after the ends were asked for."""

    def __init__(self, clock: LogClock, ends: Ends, publish: Publish) -> None:
        super().__init__(clock, ends, publish)
        self.clock, self.ends = clock, ends

    async def probe(self) -> bool:
        for part, end in (await self.ends(list(self.trackers))).items():
            self.trackers[part].probed(Probe(self.clock.now_ms(), end))
        return True


class NowAtPublish(IngestProcess):
    """ "Now" is as of the sending of the progress."""

    keeper_class = NowAfterEnds

"""A worker's ingest stage, await by await as `streams/ingest.py` and `streams/worker.py` have it.

It appends first in, first out for each timeline partition, declares a block durable when all its records and all before
them are acknowledged, and only then tells progress and commits. What keeps progress is the production code.
"""

from collections import deque
from random import Random
from typing import NamedTuple

from schemas.progress import Progress, encode
from streams.core.partitions import timeline_partition
from streams.core.ticks import Source
from streams.ingest import IN_FLIGHT
from streams.progress import ProgressKeeper
from streams.transport.offsets import DurablePrefix, Span
from tests.model.broker import PARTITIONS
from tests.model.process import Loop, Process
from tests.model.shop import Input
from tests.model.site import Site

SLOW = 12
"""How many awaits an append takes where the leader of a timeline partition is slow."""


class Read(NamedTuple):
    """A block of a source that is on its way: `last_ms` is the event time of its last record."""

    source: Source
    span: Span
    last_ms: int


class Flush:
    """What was appended together. `waiting`: appends that are not acknowledged."""

    def __init__(self) -> None:
        self.waiting = 0
        self.read: list[Read] = []


class Append(NamedTuple):
    """A record for the timeline."""

    key: bytes
    value: bytes
    flush: Flush


class IngestProcess(Process):
    """Reads some of the input partitions."""

    keeper_class = ProgressKeeper

    def __init__(self, loop: Loop, rng: Random, site: Site, sources: tuple[Source, ...]) -> None:
        super().__init__(loop, rng)
        self.site, self.shop, self.broker, self.sources = site, site.shop, site.broker, sources
        self.read_to = {source: DurablePrefix(site.broker.input_commit[source]) for source in sources}
        self.lanes: dict[int, deque[Append]] = {partition: deque() for partition in PARTITIONS}
        self.flushes: deque[Flush] = deque()
        self.keeper = self.keeper_class(site.clock, self._ends, self._publish)
        self.keeper.assign({source: prefix.end for source, prefix in self.read_to.items()})
        for partition in PARTITIONS:
            self.spawn(self._appends(partition))
        for coroutine in (self._agent(), self._progress()):
            self.spawn(coroutine)

    def entries(self, record: Input) -> list[tuple[bytes, bytes]]:
        """The keys and values of a record's timeline records."""
        users, values = record.happening.users, self.shop.entries(record)
        return [(self.shop.key(user, record.arrived_s), value) for user, value in zip(users, values, strict=True)]

    def collected(self, read: Read, appends: list[Append]) -> None:
        """A block's records wait to be appended."""
        for append in appends:
            self.lanes[timeline_partition(append.key, len(PARTITIONS))].append(append)

    def next_append(self, lane: deque[Append]) -> Append:
        """The record that goes to the broker."""
        return lane.popleft()

    def settled(self) -> list[Flush]:
        """What is acknowledged, and all before it; it is taken out."""
        settled = []
        while self.flushes and not self.flushes[0].waiting:
            settled.append(self.flushes.popleft())
        return settled

    def acknowledged(self, read: Read) -> None:
        """A block is in the timeline, and all before it."""
        prefix = self.read_to[read.source]
        prefix.declare(read.span)
        self.keeper.acknowledged(read.source, read.span.next_offset, read.last_ms)

    def committable(self, source: Source) -> int:
        """The offset that may be committed."""
        return self.read_to[source].end

    async def _agent(self) -> None:
        while True:
            await self.pause()
            self._commit()
            if len(self.flushes) > IN_FLIGHT:
                continue
            flush = Flush()
            for source in self.sources:
                if self.rng.random() < 0.6:
                    self._take(source, flush)
            if flush.read:
                self.flushes.append(flush)
                self._settle()

    def _take(self, source: Source, flush: Flush) -> None:
        prefix = self.read_to[source]
        start = prefix.position
        end = self.broker.end_of(source)
        if end <= start:
            return
        end = min(end, start + self.rng.randrange(1, 6))
        records = self.broker.inputs[source][start:end]
        read = Read(source, prefix.deliver(start, end), self.shop.at_ms(records[-1].happening.at_s))
        appends = [Append(key, value, flush) for record in records for key, value in self.entries(record)]
        flush.waiting += len(appends)
        flush.read.append(read)
        self.collected(read, appends)

    async def _appends(self, partition: int) -> None:
        """One request at a time for each timeline partition: it lands, and is acknowledged later."""
        lane = self.lanes[partition]
        while True:
            await self.pause()
            if not lane:
                continue
            sent = [self.next_append(lane) for _ in range(1 if self.rng.random() < 0.5 else len(lane))]
            for append in sent:
                self.broker.append(partition, append.key, append.value)
            for _ in range(SLOW if partition == self.site.slow_partition else 1):
                await self.pause()
            for append in sent:
                append.flush.waiting -= 1
            self._settle()

    def _settle(self) -> None:
        for flush in self.settled():
            for read in flush.read:
                self.acknowledged(read)

    def _commit(self) -> None:
        """A zombie's offset may be an older one: it tells no lie."""
        for source in self.sources:
            if self.rng.random() < 0.3:
                self.broker.input_commit[source] = self.committable(source)

    async def _progress(self) -> None:
        while True:
            await self.pause()
            self.keeper.durable({source: prefix.end for source, prefix in self.read_to.items()})
            await self.keeper.probe()
            await self.keeper.publish()

    async def _ends(self, sources: list[Source]) -> dict[Source, int]:
        await self.pause()
        ends = {source: self.broker.end_of(source) for source in sources}
        await self.pause()
        return ends

    async def _publish(self, source: Source, progress: Progress) -> None:
        if self.rng.random() < 0.5:
            await self.pause()
        self.broker.progress.append((f"{source[0]}/{source[1]}".encode(), encode(progress)))

"""The owner of one timeline partition: its decision path, its blocks, and the one transaction that is under way."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from math import inf
from typing import Any, Final, Protocol

from streams.core.asks import Ask
from streams.core.letters import unreadable
from streams.core.step import Record
from streams.counts import Counts
from streams.pipeline import Partition, Write
from streams.table.transactions import Output, PartitionWriter

MANY: Final = 100
SELDOM: Final = 5
"""While rounds find more than `MANY` records of a partition, its commits are `SELDOM` times as far apart: under load
most shoppers change again within seconds, and writing one costs more than applying an event to it."""


class TimelineBlock(Protocol):
    """Consecutive records of the partition; stale once the partition was taken away."""

    tp: Any

    @property
    def records(self) -> Sequence[Record]: ...
    @property
    def stale(self) -> bool: ...
    def release(self) -> None: ...


class Pace:
    """When the next emit or commit transaction is due. Seconds of a monotonic clock."""

    def __init__(self, emit_every_s: float, commit_every_s: float, now_s: float) -> None:
        self.emit_every_s, self.commit_every_s = emit_every_s, commit_every_s
        self.emitted_s = self.committed_s = now_s
        self._loaded_s = -inf

    def stepped(self, records: int, now_s: float) -> None:
        """A round stepped so many records."""
        if records > MANY:
            self._loaded_s = now_s

    def commit_due(self, now_s: float) -> bool:
        """A commit is due."""
        loaded = now_s - self._loaded_s < self.commit_every_s
        return now_s - self.committed_s >= self.commit_every_s * (SELDOM if loaded else 1)

    def emit_due(self, now_s: float) -> bool:
        """An emit is due."""
        return now_s - self.emitted_s >= self.emit_every_s


class Owner:
    """Steps the blocks of one partition, and writes what came of them: one transaction at a time."""

    def __init__(self, partition: Partition, writer: PartitionWriter, pace: Pace, prefix: str, counts: Counts) -> None:
        self.partition, self.writer, self.pace, self.prefix, self.counts = partition, writer, pace, prefix, counts
        self.blocks: deque[TimelineBlock] = deque()
        self.asks: list[Ask] = []
        self.drained = False  # until the partition is read on: what comes before that has a hole in front of it
        self._taken = 0  # records of the block in front
        self._stepped = 0  # records of this round
        self._committed = partition.shard.offset
        self._writing: asyncio.Task[None] | None = None
        self._stopped = False

    def step(self, most: int) -> tuple[int, int]:
        """Step at most so many records of the block in front: how many these were, and how many asks came of them.

        The asks stand in `asks` until they are answered. A block is released with its last record, so what is left
        of it in hand counts as waiting.
        """
        block = self.blocks[0]
        records = () if block.stale else block.records[self._taken : self._taken + most]
        self._taken += len(records)
        if block.stale or self._taken == len(block.records):
            self.blocks.popleft()
            self._taken = 0
            block.release()
        made = self.partition.step(records)
        if self.partition.unreadable:
            self._refuse_unreadable(block.tp.partition)
        self.asks += made
        self._stepped += len(records)
        self.counts.stepped += len(records)
        return len(records), len(made)

    def write_if_due(self, now_s: float) -> None:
        """Start the next transaction if one is due and none is under way. Raises what the last one failed with."""
        if self._stopped:
            return  # in the middle of a round
        self.pace.stepped(self._stepped, now_s)
        self._stepped = 0
        if self._writing is not None:
            if not self._writing.done():
                return
            self._writing.result()
            self._writing = None
        if self.pace.commit_due(now_s):
            self.pace.committed_s = self.pace.emitted_s = now_s
            if self.partition.shard.offset != self._committed:
                self._start(self.partition.commit())
        elif self.partition.urgent and self.pace.emit_due(now_s):
            self.pace.emitted_s = now_s
            self._start(self.partition.emit())

    def cool(self, most: int) -> None:
        """Keep at most so many shoppers in memory; not during a transaction: what it writes is nowhere else."""
        if not self._stopped and (self._writing is None or self._writing.done()):
            self.partition.cool(most)

    async def drain(self) -> None:
        """Write everything that was stepped, and wait for it. Blocks in hand are dropped: they are read again."""
        self.drained = True
        self.blocks.clear()
        self._taken = 0
        await self._settled()
        if self.partition.shard.offset != self._committed:
            self._start(self.partition.commit())
        await self._settled()

    async def stop(self) -> None:
        """Give the partition up without another write."""
        self._stopped = True
        if self._writing is not None:
            self._writing.cancel()
        await self.writer.stop()
        self.counts.cold_reads += self.partition.shard.shoppers.cold_reads
        self.partition.shard.shoppers.cold.close()

    def _refuse_unreadable(self, number: int) -> None:
        """Dead letters, in the transaction that passes their records: exactly one for each."""
        for record, why in self.partition.unreadable:
            place, app_id = (number, record.offset), self.writer.owned.app_id
            self.partition.tell(unreadable(place, record.key, record.value, why, app_id))
        self.partition.unreadable.clear()

    async def _settled(self) -> None:
        if self._writing is not None:
            await asyncio.wait({self._writing})  # who gives up waiting does not cut a transaction off
            writing, self._writing = self._writing, None
            writing.result()

    def _start(self, write: Write) -> None:
        if write.offset is not None:
            self._committed = write.offset
        self._writing = asyncio.create_task(self._write(write))

    async def _write(self, write: Write) -> None:
        outputs = [Output(self.prefix + topic, key, value, headers) for topic, key, value, headers in write.outputs]
        began_s = time.monotonic()
        position = await self.writer.write(write.changelog, outputs, write.offset)
        self.partition.written(write, position)
        self.counts.written(write, time.monotonic() - began_s)

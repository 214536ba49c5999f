"""The ingest stage of a worker: blocks of the input topics become records of the timeline, first in, first out.

At least once: an input offset is durable when everything up to it was acknowledged by the broker, here and not before.
What a crash appends twice has the same source coordinate, and decide drops it.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple, Protocol

from schemas.dead_letters import DeadLetter, headers
from schemas.topics import DLQ, Topic
from streams.core.clean import CleanRules, Input, clean
from streams.core.letters import MOST_LETTER_BYTES, Letter, fitted
from streams.core.partitions import timeline_partition
from streams.transport.batches import NO_HEADERS

IN_FLIGHT = 4
"""Appends that are not acknowledged yet; one more waits for the first of them."""
APPEND_LIMIT_S = 50.0
"""To hand an append over, and again for its acknowledgement."""
Sent = tuple[bytes | None, bytes | None, Sequence[tuple[str, bytes]]]


class InputBlock(Protocol):
    """Consecutive records of one input partition."""

    tp: Any
    next_offset: int

    @property
    def records(self) -> Sequence[Any]: ...
    @property
    def stale(self) -> bool: ...
    def release(self) -> None: ...
    def durable(self) -> None: ...


Send = Callable[[str, int, Sequence[Sent], int], Awaitable[list[asyncio.Future[Any]]]]
"""Appends records to (topic, partition), with a timestamp in ms: futures of the acknowledgements come back."""


class Names(NamedTuple):
    """The names on the broker of what ingest writes, and its input topics by name."""

    app_id: str
    timeline: str
    partitions: int
    inputs: dict[str, Topic]


class Read(NamedTuple):
    """A block that was turned into records, and the time of its last record (no later than its append time)."""

    block: InputBlock
    last_ms: int


class Ingest:
    """Collects the records of some blocks, appends them together, and tells when they are acknowledged.

    `acknowledged` is called with each block, in order, when everything up to its end is in the timeline.
    """

    def __init__(self, send: Send, names: Names, rules: CleanRules, acknowledged: Callable[[Read], None]) -> None:
        self.records, self.refused = 0, 0
        self.epochs: dict[str, int] = {}  # of the input topics that were made anew, see `Input`
        self._send, self._names, self._rules, self._acknowledged = send, names, rules, acknowledged
        self._entries: list[list[Sent]] = [[] for _ in range(names.partitions)]
        self._letters: dict[str, list[Sent]] = {}
        self._read: list[Read] = []
        self._appends: deque[asyncio.Task[None]] = deque()
        self.collected = 0

    def give(self, block: InputBlock) -> None:
        """Turn a block's records into timeline records and dead letters."""
        block.release()
        if block.stale:
            return
        names, entries, rules = self._names, self._entries, self._rules
        name = block.tp.topic
        source = Input(name, names.inputs[name].id, block.tp.partition, self.epochs.get(name, 0))
        count, last_ms = names.partitions, -1
        for record in block.records:
            done = clean(source, record.offset, record.value, record.headers, record.timestamp, rules)
            if isinstance(done, tuple):
                key, value, last_ms = done
                entries[timeline_partition(key, count)].append((key, value, NO_HEADERS))
            else:
                self._refuse(source, record, done)
        self.collected += len(block.records)
        self.records += len(block.records)
        self._read.append(Read(block, last_ms))

    async def flush(self) -> None:
        """Append what was collected; wait only for appends that are too many. Raises what an append failed with."""
        if self._read:
            read, self._read, self.collected = self._read, [], 0
            async with asyncio.timeout(APPEND_LIMIT_S):
                futures = await self._append()
            before = self._appends[-1] if self._appends else None
            self._appends.append(asyncio.create_task(self._settle(before, futures, read)))
        while self._appends and (self._appends[0].done() or len(self._appends) > IN_FLIGHT):
            await _finished(self._appends.popleft())

    def check(self) -> None:
        """Raise what an append failed with, where no further block comes for which it would be raised."""
        for append in self._appends:
            if append.done():
                append.result()

    async def drain(self) -> None:
        """Wait until all appends are acknowledged. What was only collected is dropped: it is read again."""
        self._entries, self._letters = [[] for _ in self._entries], {}
        self._read, self.collected = [], 0
        while self._appends:
            await _finished(self._appends.popleft())

    async def _append(self) -> list[asyncio.Future[Any]]:
        now_ms, futures = time.time_ns() // 1_000_000, []
        collected, letters_of = self._entries, self._letters
        self._entries, self._letters = [[] for _ in collected], {}
        for partition, entries in enumerate(collected):
            if entries:
                futures += await self._send(self._names.timeline, partition, entries, now_ms)
        for topic, letters in letters_of.items():
            futures += await self._send(topic, 0, letters, now_ms)
        return futures

    async def _settle(
        self, before: asyncio.Task[None] | None, futures: list[asyncio.Future[Any]], read: list[Read]
    ) -> None:
        async with asyncio.timeout(APPEND_LIMIT_S):
            if before is not None:
                await _finished(before)
            await asyncio.gather(*futures)
        for done in read:
            self._acknowledged(done)

    def _refuse(self, source: Input, record: Any, refused: DeadLetter) -> None:
        self.refused += 1
        reason = headers(
            refused, list(record.headers), source.topic, source.partition, record.offset, self._names.app_id
        )
        letter = fitted(Letter(record.key, record.value, reason), MOST_LETTER_BYTES)
        self._letters.setdefault(source.topic + DLQ, []).append(letter)


async def _finished(append: asyncio.Task[None]) -> None:
    """Wait for an append and raise what it failed with. Giving up does not cancel it: others wait for it too."""
    await asyncio.wait({append})
    append.result()

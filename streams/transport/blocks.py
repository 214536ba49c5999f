"""Blocks: the consecutive records of one partition, as an agent gets them."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from faust.types import TP

from streams.transport.offsets import DurablePrefix, HoleError, Span


class Record(Protocol):
    """A record as aiokafka's compiled batch holds it; `timestamp` is in epoch milliseconds."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...


class Limits(NamedTuple):
    """How much of one partition may wait for its agent before the partition is left out of the fetch."""

    records: int
    bytes: int


class Reading:
    """One partition from the moment it is opened until it is revoked or closed; a later opening is another reading.

    Everything that depends on owning the partition hangs on this object, so that losing it is one assignment:
    `closed` makes all its blocks stale at once, and what they declare afterwards reaches nothing that is committed.
    `closed` and `has_room` are read by the consumer's thread, the rest belongs to the loop of the application.
    """

    __slots__ = ("_limits", "_on_room", "closed", "committed", "generation", "has_room", "prefix", "queued", "tp")

    def __init__(self, tp: TP, start: int, generation: int, limits: Limits, on_room: Callable[[], None]) -> None:
        self.tp, self.generation = tp, generation
        self.prefix = DurablePrefix(start)
        self.committed = start
        self.queued = Limits(0, 0)
        self.closed, self.has_room = False, True
        self._limits, self._on_room = limits, on_room

    def block(self, records: list[Record], start: int, next_offset: int, size: int) -> "Block":
        """The next block of this reading, of `size` bytes. Raises `HoleError` unless it begins where the last ended."""
        try:
            span = self.prefix.deliver(start, next_offset)
        except HoleError as hole:
            raise HoleError(f"{self.tp.topic}-{self.tp.partition}: {hole}") from None
        block = Block(self, records, span, size)
        self._count(len(records), size)
        return block

    def give_back(self, records: int, size: int) -> None:
        """Make room: an agent took in a block of that many records and bytes."""
        was_full = not self.has_room
        self._count(-records, -size)
        if was_full and self.has_room:
            self._on_room()

    def close(self) -> None:
        """Make every block of this reading stale."""
        self.closed = True

    def _count(self, records: int, size: int) -> None:
        self.queued = Limits(self.queued.records + records, self.queued.bytes + size)
        self.has_room = self.queued.records < self._limits.records and self.queued.bytes < self._limits.bytes


class Block:
    """Consecutive records of one partition.

    An agent calls `release()` when it has taken the block in (its partition may be fetched further), and `durable()`
    when everything that follows from it is stored (its offsets may be committed). Both may be called at any time, in
    any order over the blocks, and do nothing once the block is `stale`: the partition was taken away, its records go
    to the next owner, and nothing that follows from them may be sent any more.

    `next_offset` is where the next block begins, behind what is hidden from readers. `generation` is the consumer
    group's at the time of the fetch.
    """

    __slots__ = ("_reading", "_released", "_size", "_span", "generation", "next_offset", "records", "tp")

    def __init__(self, reading: Reading, records: list[Record], span: Span, size: int) -> None:
        self.tp, self.generation = reading.tp, reading.generation
        self.records = records
        self.next_offset = span.next_offset
        self._reading, self._span, self._size, self._released = reading, span, size, False

    @property
    def stale(self) -> bool:
        """Whether the partition was revoked or closed since the block was fetched."""
        return self._reading.closed

    def release(self) -> None:
        """The agent has taken the block in."""
        if not self._released:
            self._released = True
            self._reading.give_back(len(self.records), self._size)

    def durable(self) -> None:
        """All that follows from the block is stored; the next commit may pass it when all before it are durable too."""
        self._reading.prefix.declare(self._span)


def in_hand(first: Block, queue: "asyncio.Queue[Any]") -> list[Block]:
    """`first` and the blocks that wait behind it in an agent's queue (`stream.channel.queue`), without waiting.

    A round over all of them spares Faust's cost per item, which at low rates is most of the cost.
    """
    blocks = [first]
    while not queue.empty():
        blocks.append(queue.get_nowait())
    return blocks

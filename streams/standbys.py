"""Standbys: partitions of other workers whose changelog is kept read, so that taking one over reads only the tail.

A standby holds what the changelog holds and nothing else. What a worker has stepped is not what it has committed, so a
partition that is lost and comes back as a standby begins anew. A standby stays right through any number of rebalances:
it only reads on in a log of what was committed, and the last record of a key wins, however often it is read.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import msgspec
from aiokafka.errors import KafkaError

from streams.table.changelog import Restored
from streams.table.loader import Into, Loaded, LoadTimeout
from streams.table.store import Store

TAIL_EVERY_S: Final = 1.0
STALE_S: Final = 43_200.0
"""Half of the time for which the changelog keeps deletions: who read last before that may have missed one."""
NOT_NOW: Final = (KafkaError, LoadTimeout, TimeoutError)
NOT_READABLE: Final = (ValueError, msgspec.MsgspecError)

Load = Callable[[int, Into, int], Awaitable[Loaded]]
Begin = Callable[[int], Awaitable[Restored | Store]]
Ends = Callable[[Collection[int]], Awaitable[Mapping[int, int]]]

log = logging.getLogger(__name__)


class Tail:
    """What the changelog of a partition held before `position`. `end` is where it ended when it was last asked.

    After a reading that was cut off `restored` is ahead of `position`; reading on from there makes it right again.
    """

    def __init__(self, number: int, now_s: float) -> None:
        self.number, self.begun = number, False
        self.restored: Restored | Store = Restored()
        self.position, self.end = 0, 0
        self.read_s = now_s
        self.reading: asyncio.Task[tuple[int, Loaded]] | None = None

    @property
    def lag(self) -> int:
        """Offsets of the changelog that were not read yet."""
        return max(0, self.end - self.position)

    @property
    def failed(self) -> bool:
        """Whether the last reading failed. One that was cut off did not."""
        done = self.reading
        return done is not None and done.done() and not done.cancelled() and done.exception() is not None

    async def read_on(self, load: Load, begin: Begin, now_s: float) -> tuple[int, Loaded]:
        """Read up to the present end, the first time from where this machine's disk knows it; from where comes back.

        Errors: those of the loader, and of a record that cannot be read; `StoreFailed`.
        """
        first, began_s = not self.begun, time.monotonic()
        if first:
            self.restored, self.begun = await begin(self.number), True
            self.position = self.restored.position
        began_at = self.position
        loaded = await load(self.number, self.restored.apply, began_at)
        self.restored.reached(loaded.offset_end)
        self.position, self.read_s = loaded.offset_end, now_s
        if first:
            log.info(
                "timeline partition %d: %d changelog records from offset %d on in %.1f s",
                self.number, loaded.records, began_at, time.monotonic() - began_s,
            )  # fmt: skip
        return began_at, loaded

    def drop(self) -> None:
        """Let go of what was read."""
        if self.reading is not None:
            self.reading.cancel()
        self.restored.shoppers.close()


class Standbys:
    """Reads the standbys of this worker, one at a time, each second as far as there is something to read.

    `load` reads a partition into something from a position on; `ends` asks where changelog partitions end; `begin`
    finds what is known on disk. `now_s` is a clock that goes on while the machine sleeps.
    """

    def __init__(self, load: Load, ends: Ends, begin: Begin, now_s: Callable[[], float] = time.time) -> None:
        self.tails: dict[int, Tail] = {}
        self.promotions = 0
        self._load, self._ends, self._begin, self._now_s = load, ends, begin, now_s
        self._owned: set[int] = set()
        self._loading = 0
        self._reading: Tail | None = None
        self._may_read = asyncio.Event()
        self._may_read.set()

    def follow(self, numbers: set[int], owned: set[int]) -> None:
        """The standbys are these now. What was read of others is dropped, unless they are to be promoted: `owned`."""
        kept = {number: tail for number, tail in self.tails.items() if number in numbers | owned}
        for number in self.tails.keys() - kept.keys():
            self.tails[number].drop()
        self._owned = owned - numbers
        self.tails = {number: Tail(number, self._now_s()) for number in numbers} | kept
        self._make_way()

    async def promote(self, number: int) -> Tail:
        """The partition is owned from now on: what was read of it. To be asked for when its writer has started.

        A reading under way comes to its end first: it reads what would have to be read anyway.
        """
        tail = self.tails.pop(number, None)
        if tail is not None and tail.reading is not None:
            try:
                await asyncio.wait({tail.reading})
            except asyncio.CancelledError:
                tail.drop()  # nobody else knows of it any more
                raise
        if tail is None or tail.failed or not tail.position or self._stale(tail):
            if tail is not None:
                tail.drop()
            return Tail(number, self._now_s())
        self.promotions += 1
        return tail

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """Within it standbys are not read: partitions that are owned load first."""
        self._loading += 1
        self._may_read.clear()
        self._make_way()
        try:
            yield
        finally:
            self._loading -= 1
            if not self._loading:
                self._may_read.set()

    async def run(self) -> None:
        """Read on, until cancelled."""
        while True:
            for number in await self._behind():
                await self._may_read.wait()
                if number in self.tails and number not in self._owned:
                    await self._read_on(self.tails[number])
            await asyncio.sleep(TAIL_EVERY_S)

    async def _behind(self) -> list[int]:
        """The standbys whose changelog has gone on, the nearest to its end first: the others take longer."""
        numbers = [number for number in self.tails if number not in self._owned]
        if not numbers:
            return []
        try:
            ends = await self._ends(numbers)
        except NOT_NOW as error:
            log.warning("no ends of the changelog, standbys wait: %r", error)
            return []
        for number, end in ends.items():
            self._told(number, end)
        behind = [tail for tail in self.tails.values() if tail.number in ends and tail.lag]
        return [tail.number for tail in sorted(behind, key=lambda tail: tail.lag)]

    def _told(self, number: int, end: int) -> None:
        tail = self.tails.get(number)
        if tail is None:
            return
        if end < tail.position or self._stale(tail):
            log.warning("standby of timeline partition %d begins anew: read to %d of %d", number, tail.position, end)
            tail.drop()
            self.tails[number] = tail = Tail(number, self._now_s())
        tail.end = end
        if not tail.lag:
            tail.read_s = self._now_s()

    async def _read_on(self, tail: Tail) -> None:
        self._reading = tail
        tail.reading = reading = asyncio.create_task(tail.read_on(self._load, self._begin, self._now_s()))
        try:
            await asyncio.wait({reading})
        finally:
            reading.cancel()
        error = None if reading.cancelled() else reading.exception()
        if isinstance(error, NOT_NOW):
            log.warning("standby of timeline partition %d could not read on: %r", tail.number, error)
        elif isinstance(error, NOT_READABLE):
            log.warning("no standby of timeline partition %d until the next rebalance: %r", tail.number, error)
            self.tails.pop(tail.number, None)
            tail.drop()
        elif error is not None:
            raise error

    def _make_way(self) -> None:
        """Cut a reading off that nobody waits for, where others load, or the partition is no standby any more."""
        tail = self._reading
        if tail is None or tail.reading is None or tail.number in self._owned:
            return
        if self._loading or self.tails.get(tail.number) is not tail:
            tail.reading.cancel()

    def _stale(self, tail: Tail) -> bool:
        return self._now_s() - tail.read_s > STALE_S

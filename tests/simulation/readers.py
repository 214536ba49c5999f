"""Reading at the simulated broker: positions, what a reader may see, and news of more."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from aiokafka.consumer.fetcher import READ_COMMITTED, READ_UNCOMMITTED, PartitionRecords
from aiokafka.record.memory_records import MemoryRecords
from faust.types import TP

from streams.transport.batches import Fetched, visible
from streams.transport.blocks import Reading
from tests.simulation.wire import Wire

FETCH_S = 0.02
"""How long a fetch takes; what arrives meanwhile comes with it."""


class Positions:
    """What a consumer reads, from where on. `committed`: it sees nothing of open and aborted transactions."""

    def __init__(self, wire: Wire, *, committed: bool) -> None:
        self.wire, self.committed = wire, committed
        self.at: dict[TP, int] = {}
        self._watched: list[TP] = []
        self._news: asyncio.Future[None] | None = None
        self._coming = False

    def watch(self, tps: list[TP]) -> None:
        """Hear of news about these partitions, and no others."""
        broker = self.wire.site.broker
        for tp in self._watched:
            broker.log(tp).readers.pop(self, None)
        for tp in tps:
            broker.log(tp).readers[self] = self._more
        self._watched = tps

    def close(self) -> None:
        """Read no further."""
        self.watch([])
        self.wake()

    def end_of(self, tp: TP) -> int:
        """As far as the reader can see."""
        log = self.wire.site.broker.log(tp)
        return int(log.stable_end if self.committed else log.end)

    async def news(self, limit_s: float) -> None:
        """Return when there may be something to read, or after `limit_s`."""
        self._news = news = self.wire.site.loop.create_future()
        await asyncio.wait([news], timeout=limit_s)

    def wake(self) -> None:
        """Let `news` return."""
        self._coming = False
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    def take(self, tp: TP) -> tuple[list[Any], int, int]:
        """Records, and from where to where they are."""
        start, end = self.at[tp], self.end_of(tp)
        data, aborted = self.wire.site.broker.log(tp).read(start, end)
        level = READ_COMMITTED if self.committed else READ_UNCOMMITTED
        rest = PartitionRecords(tp, MemoryRecords(data), aborted, start, None, None, False, level)
        records: list[Any] = []
        while rest._records.has_next():
            records += visible(rest, rest._records.next_batch())
        self.at[tp] = rest.next_fetch_offset
        return records, start, rest.next_fetch_offset

    def _more(self) -> None:
        loop = self.wire.site.loop
        if not self._coming:
            self._coming = True
            loop.call_later(FETCH_S * (0.5 + self.wire.rng.random()), self.wake, context=loop.world)


def fetched(positions: Positions, wanted: Mapping[Any, Reading]) -> list[Fetched]:
    """What there is of the wanted partitions, as `streams/transport/batches.py` gives it."""
    found = []
    for tp in sorted(wanted):
        if tp in positions.at and positions.at[tp] < positions.end_of(tp):
            records, start, end = positions.take(tp)
            size = sum(len(record.value or b"") for record in records)
            found.append(Fetched(wanted[tp], records, start, end, size))
    return found


Wanted = Callable[[], Mapping[Any, Reading]]

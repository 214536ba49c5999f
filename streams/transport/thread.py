"""The thread in which aiokafka's consumer runs: what is called there, each call with a limit."""

import asyncio
from collections.abc import Coroutine, Iterable, Mapping
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from streams.transport import batches, ends
from streams.transport.settings import options_of

T = TypeVar("T")
_POLL_S = 0.25  # how long a fetch waits for records before it is asked again
_FETCH_LIMIT_S = 50.0  # a poll that takes longer means that the thread stands still


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """Faust's consumer thread, with whole record batches instead of records and a limit on every call.

    Faust puts calls in a queue with two workers: two slow requests, and nothing is fetched or committed any more.
    Here each call is a task of its own on the thread's loop, cancelled when its time is over.
    """

    async def run(self, call: Coroutine[Any, Any, T], limit_s: float) -> T:
        """What `call` returns when run in the thread; raises `TimeoutError` after `limit_s`."""
        there = asyncio.run_coroutine_threadsafe(call, self.thread_loop)
        return await asyncio.wait_for(asyncio.wrap_future(there), limit_s)

    async def fetch(self, wanted: batches.Wanted, max_records: int) -> list[batches.Fetched]:
        """The next records of the wanted partitions, or none after a quarter of a second."""
        return await self.run(batches.fetch(self._ensure_consumer(), wanted, max_records, _POLL_S), _FETCH_LIMIT_S)

    def wake(self) -> None:
        """Let a waiting `fetch` see that other partitions are wanted now."""
        if self._consumer is not None and not self.thread_loop.is_closed():
            self.thread_loop.call_soon_threadsafe(batches.wake, self._consumer)

    async def positions(self, tps: Iterable[TP], limit_s: float) -> dict[TP, int]:
        """Where reading begins: the committed offsets, else what `auto.offset.reset` says. Seeks there.

        What was deleted before it was read (by retention, say) is passed, and told in the log: nobody can read it.
        """
        return await self.run(self._positions([TopicPartition(*tp) for tp in tps]), limit_s)

    async def move(self, tp: TP, offset: int, limit_s: float) -> None:
        """Read on from `offset`; what was fetched before is dropped. Raises `IllegalStateError` if `tp` is not ours."""
        await self.run(self._move(TopicPartition(*tp), offset), limit_s)

    async def ends(self, tps: Iterable[TP], limit_s: float) -> dict[TP, int]:
        """The end offsets as the broker tells them now, open transactions included."""
        found = await self.run(self._ends([TopicPartition(*tp) for tp in tps]), limit_s)
        return {TP(*tp): offset for tp, offset in found.items()}

    async def commit_within(self, offsets: Mapping[TP, int], limit_s: float) -> bool:
        """Commit as Faust does; False where the group has rebalanced meanwhile."""
        return await self.run(self._commit(offsets), limit_s)

    def position_now(self, tp: TP) -> int | None:
        """The offset fetched next as known now; None where it is not known."""
        return batches.position(self._consumer, TopicPartition(*tp)) if self._consumer is not None else None

    def end_now(self, tp: TP) -> int | None:
        """The end as the last fetch told it; None where it is not known."""
        return batches.end(self._consumer, TopicPartition(*tp)) if self._consumer is not None else None

    @property
    def forgotten(self) -> bool:
        """Whether the group does not know this process as its member (any more); in the thread."""
        return self._consumer is None or batches.forgotten(self._consumer)

    def _create_worker_consumer(self, transport: driver.Transport) -> AIOKafkaConsumer:
        options = options_of(self.app)
        consumer = super()._create_worker_consumer(transport)
        batches.tune(consumer, fetch_wait_ms=options.fetch_wait_ms, read_committed=options.read_committed)
        return consumer

    async def _positions(self, tps: list[TopicPartition]) -> dict[TP, int]:
        if not tps:
            return {}  # aiokafka takes none for all
        consumer = self._ensure_consumer()
        await consumer.seek_to_committed(*tps)
        found = {TP(*tp): await consumer.position(tp) for tp in tps}
        for tp, begin in (await consumer.beginning_offsets(tps)).items():
            if found[TP(*tp)] < begin:
                self.log.error("%s-%d: offsets %d to %d were deleted unread", *tp, found[TP(*tp)], begin - 1)
                found[TP(*tp)] = begin
                consumer.seek(tp, begin)
        return found

    async def _move(self, tp: TopicPartition, offset: int) -> None:
        self._ensure_consumer().seek(tp, offset)

    async def _ends(self, tps: list[TopicPartition]) -> Mapping[TopicPartition, int]:
        asked = ends.listed if options_of(self.app).read_committed else ends.fetched
        return await asked(self._ensure_consumer(), tps)

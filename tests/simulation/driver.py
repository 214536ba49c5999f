"""Faust's transport of a worker, with the consumer's "thread" on the same loop and a stand-in for its consumer.

What is not overridden here is the production transport: `streams/transport/`.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, ClassVar, NamedTuple

from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError
from faust.assignor.client_assignment import ClientAssignment
from faust.types import TP

from streams.transport import consumer, driver, producer, thread
from streams.transport.batches import Fetched
from tests.simulation.producers import Producer
from tests.simulation.readers import Positions, Wanted, fetched
from tests.simulation.wire import Wire

POLL_S = 1.0
HEARTBEAT_S = 3.0


class Revocation(NamedTuple):
    """How long a member took to let go of its partitions."""

    member: str
    began_s: float
    ended_s: float


class Membership:
    """A consumer of the group: as much of `AIOKafkaConsumer` as Faust and the transport use.

    It is its own coordinator, as aiokafka's tells the generation.
    """

    def __init__(self, assignor: Any, *, committed: bool) -> None:
        self._assignor = assignor
        self.wire, self.coordination = Wire("consumer"), Wire("coordination")
        self.positions = Positions(self.wire, committed=committed)
        self.generation, self.closed = -1, False
        self._coordinator = self
        self._assigned: frozenset[TP] = frozenset()
        self._joins, self._joining = 0, False
        self.member = ""
        self._rejoin = asyncio.Event()
        self._tasks: list[asyncio.Task[Any]] = []

    async def start(self) -> None:
        await self.wire.ask(lambda: None)

    async def stop(self) -> None:
        self.closed = True
        for task in self._tasks:
            task.cancel()
        self.positions.close()
        member = self.member
        await self.coordination.ask(lambda: self.wire.site.group.leave(member))
        self.wire.closed = self.coordination.closed = True

    async def subscribe(self, *, topics: Iterable[str], listener: Any) -> None:
        if not self._tasks:
            loop = asyncio.get_running_loop()
            self._tasks = [loop.create_task(self._belong(frozenset(topics), listener)), loop.create_task(self._beat())]

    def assignment(self) -> frozenset[TP]:
        return self._assigned

    async def seek_to_committed(self, *tps: TopicPartition) -> None:
        committed = self.wire.site.broker.committed
        self.positions.at |= await self.wire.ask(lambda: {TP(*tp): committed.get(TP(*tp), 0) for tp in tps})

    async def beginning_offsets(self, tps: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Nothing is ever deleted."""
        begin = dict.fromkeys(tps, 0)
        return await self.wire.ask(lambda: begin, "ends")

    async def position(self, tp: TopicPartition) -> int:
        return self.positions.at[TP(*tp)]

    def seek(self, tp: TopicPartition, offset: int) -> None:
        if TP(*tp) not in self._assigned:
            msg = f"{tp} is not assigned"
            raise IllegalStateError(msg)
        self.positions.at[TP(*tp)] = offset

    async def commit(self, offsets: Mapping[TopicPartition, Any]) -> None:
        told, group = {TP(*tp): offset.offset for tp, offset in offsets.items()}, self.wire.site.group
        member, generation = self.member, self.generation
        await self.coordination.ask(lambda: group.commit(member, generation, told), "commit")

    async def _belong(self, topics: frozenset[str], listener: Any) -> None:
        """Join, and join again whenever that is due."""
        while True:
            self._rejoin.clear()
            began_s = self.wire.site.loop.time()
            await listener.on_partitions_revoked(self._assigned)
            self.wire.site.revocations.append(Revocation(self.wire.name, began_s, self.wire.site.loop.time()))
            self._joins, self._joining = self._joins + 1, True
            self.member = member = self.member or f"{self.wire.name}/{self._joins}"
            joined = await self.coordination.ask(lambda: self.wire.site.group.join(member, topics))  # noqa: B023
            self.generation, self._assigned = joined.generation, joined.partitions
            self._joining = False
            self._rejoin.clear()
            self.positions.at.clear()
            self.positions.watch(sorted(joined.partitions))
            self._assignor._assignment = ClientAssignment(by_topic(joined.partitions), by_topic(joined.standbys))
            await listener.on_partitions_assigned(joined.partitions)
            await self._rejoin.wait()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            if self.generation < 0 or self._joining:
                continue
            member, generation = self.member, self.generation
            try:
                well = await self.coordination.ask(lambda: self.wire.site.group.heartbeat(member, generation))  # noqa: B023
            except CommitFailedError:
                well = False
                if generation == self.generation:
                    self.member = ""  # the group forgot us
            if not well and generation == self.generation:
                self._rejoin.set()


def by_topic(tps: Iterable[TP]) -> dict[str, list[int]]:
    """As Faust's assignor keeps a share."""
    found: dict[str, list[int]] = {}
    for tp in sorted(tps):
        found.setdefault(tp.topic, []).append(tp.partition)
    return found


class _OnTheLoop:
    """Stands for the thread in which Faust runs its consumer."""

    def __init__(self, service: Any) -> None:
        self._service = service

    def start(self) -> None:
        self._service.thread_loop.create_task(self._service._serve())

    def stop(self) -> None:
        """Nobody waits for a thread."""


class ConsumerThread(thread.ConsumerThread):
    """The production thread, without a thread."""

    _consumer: Membership

    @property
    def forgotten(self) -> bool:
        return self._consumer is None or not self._consumer.member

    def _create_worker_consumer(self, _transport: Any) -> Membership:
        return Membership(self.app.assignor, committed=True)

    async def fetch(self, wanted: Wanted, max_records: int) -> list[Fetched]:
        positions = self._ensure_consumer().positions
        found = fetched(positions, wanted())
        if not found:
            await positions.news(POLL_S)
            found = fetched(positions, wanted())
        return found

    def wake(self) -> None:
        if self._consumer is not None:
            self._consumer.positions.wake()

    def position_now(self, tp: TP) -> int | None:
        return self._consumer.positions.at.get(tp) if self._consumer is not None else None

    def end_now(self, tp: TP) -> int | None:
        return self._consumer.positions.end_of(tp) if self._consumer is not None else None

    async def _ends(self, tps: list[TopicPartition]) -> Mapping[TopicPartition, int]:
        wire, logs = self._ensure_consumer().wire, self._ensure_consumer().wire.site.broker.logs
        return await wire.ask(lambda: {tp: logs[TP(*tp)].end for tp in tps}, "ends")

    def close(self) -> None:
        if self._consumer is not None:
            self._consumer.closed = True

    async def _gather_remaining_tasks(self) -> None:
        """Those of the loop are not the thread's."""

    async def _keepalive2(self) -> None:
        """There is no thread to be kept awake."""

    def on_crash(self, msg: str, *fmt: Any, **kwargs: Any) -> None:
        """Nothing is printed: how a process ended stands in its ending."""

    def itertimer(self, interval: Any, **more: Any) -> AsyncIterator[float]:
        return super().itertimer(interval, **{**more, "clock": self.thread_loop.time})


class Consumer(consumer.Consumer):
    """The production consumer."""

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon, thread_loop=self.loop, Worker=_OnTheLoop)

    def itertimer(self, interval: Any, **more: Any) -> AsyncIterator[float]:
        return super().itertimer(interval, **{**more, "clock": self.loop.time})


class FaustProducer(producer.Producer):
    """The production producer."""

    @property
    def _producer_type(self) -> Any:
        return Producer


class Transport(driver.Transport):
    """The production transport, with these two."""

    Consumer: ClassVar[Any] = Consumer
    Producer: ClassVar[Any] = FaustProducer

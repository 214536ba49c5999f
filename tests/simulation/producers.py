"""Stand-ins for aiokafka's producers: as much of them as Kairos uses."""

import asyncio
from typing import Any, NamedTuple

from aiokafka.errors import OutOfOrderSequenceNumber
from aiokafka.producer.message_accumulator import BatchBuilder
from faust.types import TP

from tests.simulation.wire import Wire


class Appended(NamedTuple):
    """As much of aiokafka's `RecordMetadata` as is looked at."""

    offset: int


class Producer:
    """An idempotent producer: batches of a partition land in the order in which they were sent, or not at all."""

    def __init__(self, *, max_batch_size: int = 1 << 20, transactional_id: str = "", **_settings: Any) -> None:
        self.wire = Wire("producer")
        self.name, self.epoch = transactional_id, -1
        self.client = self
        self._max_batch_size = max_batch_size
        self._sent: list[asyncio.Future[Any]] = []
        self._broken: set[TP] = set()

    async def start(self) -> None:
        await self.wire.ask(lambda: None)

    async def stop(self) -> None:
        await self.flush()
        await self.close()

    async def close(self) -> None:
        self.wire.closed = True

    async def flush(self) -> None:
        if self._sent:
            await asyncio.wait(self._sent)

    async def partitions_for(self, topic: str) -> set[int]:
        return set(range(self.wire.site.broker.topics[topic]))

    def create_batch(self) -> BatchBuilder:
        return BatchBuilder(self._max_batch_size, 0, is_transactional=int(bool(self.name)))

    async def send_batch(self, batch: BatchBuilder, topic: str, *, partition: int) -> "asyncio.Future[Any]":
        return self.sent(batch, TP(topic, partition))

    def sent(self, batch: BatchBuilder, tp: TP) -> "asyncio.Future[Any]":
        """The acknowledgement of a batch."""
        data, count = bytearray(self.built(batch)), batch.record_count()
        answer = self.wire.ask(lambda: self._append(tp, data, count), "append")
        self._sent = [sent for sent in self._sent if not sent.done()] + [answer]
        answer.add_done_callback(lambda done: self._look(tp, done))
        return answer

    def built(self, batch: BatchBuilder) -> bytes:
        """The bytes of a batch."""
        return batch._build()

    def append(self, tp: TP, data: bytearray, count: int) -> int:
        """What the broker does; the base offset comes back."""
        return self.wire.site.broker.append(tp, data, count)

    def _append(self, tp: TP, data: bytearray, count: int) -> Appended:
        if tp in self._broken:
            raise OutOfOrderSequenceNumber
        return Appended(self.append(tp, data, count))

    def _look(self, tp: TP, answer: "asyncio.Future[Any]") -> None:
        if not answer.cancelled() and answer.exception() is not None:
            self._broken.add(tp)  # nothing later lands before what failed


class TransactionalProducer(Producer):
    """A transactional producer. It is also its own transaction manager and sender, which `stop` looks at."""

    sender_task = None

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._txn_manager = self._sender = self
        self._in_transaction = False

    async def start(self) -> None:
        self.epoch = await self.wire.ask(lambda: self._broker.init(self.name))
        self._producer = self._broker.producer_of(self.name)

    async def begin_transaction(self) -> None:
        self._in_transaction = True

    def is_in_transaction(self) -> bool:
        return self._in_transaction

    async def send_offsets_to_transaction(self, offsets: dict[Any, int], _group: str) -> None:
        told = {TP(*tp): offset for tp, offset in offsets.items()}
        await self.wire.ask(lambda: self._broker.add_offsets(self.name, self.epoch, told), "transaction")

    async def commit_transaction(self) -> None:
        await asyncio.gather(*self._sent)
        self._in_transaction = False  # what is being committed cannot be aborted any more
        await self.wire.ask(lambda: self._broker.finish(self.name, self.epoch, committed=True), "transaction")

    async def abort_transaction(self) -> None:
        self._in_transaction = False
        await self.wire.ask(lambda: self._broker.finish(self.name, self.epoch, committed=False))

    def built(self, batch: BatchBuilder) -> bytes:
        batch._set_producer_state(self._producer, self.epoch, 0)
        return batch._build()

    def append(self, tp: TP, data: bytearray, count: int) -> int:
        return self._broker.append_in(self.name, self.epoch, tp, data, count)

    @property
    def _broker(self) -> Any:
        return self.wire.site.broker

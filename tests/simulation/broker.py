"""The simulated broker: logs, transactional producers with their epochs, and the consumer group's offsets."""

from collections.abc import Mapping
from typing import Final

from aiokafka.errors import InvalidProducerEpoch, InvalidTxnState, ProducerFenced, UnknownTopicOrPartitionError
from faust.types import TP

from tests.simulation.log import Log
from tests.simulation.loop import Loop

TRANSACTION_LIMIT_S: Final = 20.0


class Transactional:
    """A transactional id: who holds its newest epoch, and the transaction under way."""

    def __init__(self, producer: int) -> None:
        self.producer, self.epoch = producer, -1
        self.number = 0  # of the transaction under way, and of all before it
        self.partitions: dict[TP, None] = {}
        self.offsets: dict[TP, int] = {}


class Broker:
    """All topics of a world. What it does, it does at once: how long things take is the wire's business."""

    def __init__(self, loop: Loop, topics: Mapping[str, int]) -> None:
        self.loop = loop
        self.logs = {TP(topic, number): Log() for topic, count in topics.items() for number in range(count)}
        self.topics = dict(topics)
        self.committed: dict[TP, int] = {}
        self.fenced = 0  # how often an older owner was told so
        self._transactional: dict[str, Transactional] = {}

    def log(self, tp: TP) -> Log:
        """A partition. Raises `UnknownTopicOrPartitionError`."""
        if tp not in self.logs:
            raise UnknownTopicOrPartitionError(tp)
        return self.logs[tp]

    def append(self, tp: TP, data: bytearray, count: int) -> int:
        """Outside of any transaction."""
        return self.log(tp).append(data, count)

    def init(self, name: str) -> int:
        """A new owner of a transactional id: older ones are fenced, what they left open is aborted."""
        owned = self._transactional.setdefault(name, Transactional(len(self._transactional) + 1))
        self._finish(owned, committed=False)
        owned.epoch += 1
        return owned.epoch

    def append_in(self, name: str, epoch: int, tp: TP, data: bytearray, count: int) -> int:
        """In the owner's transaction."""
        owned = self._owned(name, epoch, InvalidProducerEpoch)
        self._begun(owned)
        owned.partitions[tp] = None
        return self.log(tp).append(data, count, owned.producer)

    def producer_of(self, name: str) -> int:
        """The producer id that stands in the batches of a transactional id."""
        return self._transactional[name].producer

    def add_offsets(self, name: str, epoch: int, offsets: Mapping[TP, int]) -> None:
        """The consumed offsets, committed with the transaction."""
        owned = self._owned(name, epoch, ProducerFenced)
        self._begun(owned)
        owned.offsets.update(offsets)

    def finish(self, name: str, epoch: int, *, committed: bool) -> None:
        """Commit or abort."""
        owned = self._owned(name, epoch, ProducerFenced)
        if not owned.partitions and not owned.offsets:
            raise InvalidTxnState
        self._finish(owned, committed=committed)

    def _owned(self, name: str, epoch: int, error: type[Exception]) -> Transactional:
        owned = self._transactional[name]
        if owned.epoch != epoch:
            self.fenced += 1
            raise error
        return owned

    def _begun(self, owned: Transactional) -> None:
        if not owned.partitions and not owned.offsets:
            owned.number += 1
            self.loop.call_later(TRANSACTION_LIMIT_S, self._too_long, owned, owned.number, context=self.loop.world)

    def _too_long(self, owned: Transactional, number: int) -> None:
        """The coordinator aborts what is open for too long, and fences its producer."""
        if owned.number == number and (owned.partitions or owned.offsets):
            self._finish(owned, committed=False)
            owned.epoch += 1

    def _finish(self, owned: Transactional, *, committed: bool) -> None:
        partitions, offsets = owned.partitions, owned.offsets
        owned.partitions, owned.offsets = {}, {}
        if committed:
            self.committed.update(offsets)
        for tp in partitions:
            self.logs[tp].finish(owned.producer, committed=committed)

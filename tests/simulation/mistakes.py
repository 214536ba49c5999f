"""Every mistake by name: what the workers of a world are made of in which it is made. All belong to the shell."""

import asyncio
from collections.abc import Awaitable
from typing import Any, Final

from aiokafka.errors import KafkaError
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.offset import OffsetRequest
from faust.types import TP

from inference.answers import Scorer
from inference.client.breaker import Breaker
from inference.client.ladder import Ladder
from streams.app import build
from streams.outside import Outside
from streams.settings import Settings
from streams.transport.blocks import Block
from streams.worker import Worker
from tests.simulation.clients import Client
from tests.simulation.driver import Consumer, Transport
from tests.simulation.producers import TransactionalProducer
from tests.simulation.worker import Parts


class CommitsBeforeAcknowledged(Consumer):
    """Offsets are committed as soon as a block was handed over."""

    def _durable_offsets(self) -> dict[TP, int]:
        ours = ((tp, reading) for tp, reading in self.readings.items() if tp.topic not in self.committed_elsewhere)
        return {tp: reading.prefix.position for tp, reading in ours if reading.prefix.position > reading.committed}


class DrainsWithoutLimit(Consumer):
    """A rebalance waits for whatever is under way."""

    async def _drained(self, drain: Awaitable[None]) -> None:
        await drain


class GenerationNotChecked(Consumer):
    """A partition that was taken away while it was being opened is read all the same."""

    async def open_partition(self, tp: TP, offset: int, generation: int | None = None) -> bool:
        if tp not in self.assignment():
            return False
        self.close_partition(tp)
        self.readings[tp] = self._reading(tp, offset)
        self._thread._ensure_consumer().positions.at[tp] = offset
        self._thread.wake()
        return True


class KeepsReadingsOfRevoked(Consumer):
    """Blocks in hand of a partition that was taken away are not stale."""

    async def _let_go(self, revoked: frozenset[TP]) -> None:
        if self.options.drain is not None and revoked:
            await self._drained(self.options.drain(revoked))
        await self.commit()
        self.readings.clear()


class ReadsUncommitted(Client):
    """The loader reads what was never committed."""

    async def send(self, node: int, request: Any, **group: Any) -> Any:
        if request.API_KEY in (OffsetRequest.API_KEY, FetchRequest.API_KEY):
            request._isolation_level = 0
        answer = await super().send(node, request, **group)
        if request.API_KEY == FetchRequest.API_KEY:
            ((topic, (fields,)),) = answer.topics
            return answer._replace(topics=[(topic, [(*fields[:4], [], fields[5])])])
        return answer


class StopsBeforeTheEnd(Client):
    """The loader takes the last transaction for the end."""

    def _offset(self, asked: Any) -> Any:
        answer = super()._offset(asked)
        ((topic, ((partition, code, time, offset),)),) = answer.topics
        return answer._replace(topics=[(topic, [(partition, code, time, max(0, offset - 4))])])


class TriesAgain(TransactionalProducer):
    """A commit whose outcome is unknown is sent once more, outside of what the broker checks."""

    async def commit_transaction(self) -> None:
        sent = [(tp, bytearray(data), count) for tp, data, count in self.written]
        try:
            await asyncio.wait_for(super().commit_transaction(), 5.0)
        except (KafkaError, TimeoutError):
            for tp, data, count in sent:
                await self.wire.ask(lambda: self._again(tp, data, count))  # noqa: B023
            await self.wire.ask(lambda: self._broker.finish(self.name, self.epoch, committed=True))

    def _again(self, tp: TP, data: bytearray, count: int) -> None:
        self._broker.append_in(self.name, self.epoch, tp, data, count)

    async def begin_transaction(self) -> None:
        self.written: list[tuple[TP, bytes, int]] = []
        await super().begin_transaction()

    def append(self, tp: TP, data: bytearray, count: int) -> None:
        self.written.append((tp, bytes(data), count))
        super().append(tp, data, count)


class Unfenced(TransactionalProducer):
    """An older owner is not fenced: each has a transactional id of its own."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.name = self.wire.name


class NeverCloses(Breaker):
    """Once open, always open."""

    def succeeded(self) -> None:
        self._failed = 0

    def allows(self, now_s: float) -> bool:
        return self.state == "closed"


class LadderThatNeverCloses(Ladder):
    """Its breakers do not close."""

    def __init__(self, models: Any, **more: Any) -> None:
        super().__init__(models, breaker=NeverCloses, **more)


class LadderWithoutDeadline(Ladder):
    """It waits for a model as long as that takes, and asks for ever."""

    def __init__(self, models: Any, **more: Any) -> None:
        super().__init__(models, deadline_ms=10_000_000, **more)


def _with(consumer: type[Consumer]) -> Parts:
    transport = type("MistakenTransport", (Transport,), {"Consumer": consumer, "__module__": __name__})
    return Parts(transport=transport)


def _progress_before_acknowledged(settings: Settings, scorer: Scorer, outside: Outside) -> Worker:
    """Ingest calls a block durable when it has given it to the producer."""
    worker = build(settings, scorer, outside)
    give = worker.ingest.give

    def given(block: Any) -> None:
        give(block)
        block.durable()

    worker.ingest.give = given
    return worker


def _stepped_when_stale(settings: Settings, scorer: Scorer, outside: Outside) -> Worker:
    """Decide steps blocks that are stale, and drained partitions too."""
    worker = build(settings, scorer, outside)
    give = worker.decide.give
    worker.decide.give = lambda partition, block: give(partition, _Fresh(block))
    return worker


class _Fresh:
    """A block that is never stale."""

    stale = False

    def __init__(self, block: Block) -> None:
        self.records, self.release = block.records, block.release


def _generations_missed(settings: Settings, scorer: Scorer, outside: Outside) -> Worker:
    """Who comes back after generations that it missed keeps what it knows of its partitions."""
    worker = build(settings, scorer, outside)
    rebalanced, owners = worker.owners.rebalanced, worker.owners

    def always_ours() -> None:
        owners._generation = max(owners._generation, worker.app.consumer_generation_id - 1)
        rebalanced()

    worker.owners.rebalanced = always_ours
    return worker


MISTAKES: Final[dict[str, Parts]] = {
    "offsets before acknowledgements": _with(CommitsBeforeAcknowledged),
    "durable when sent": Parts(build=_progress_before_acknowledged),
    "drain without a limit": _with(DrainsWithoutLimit),
    "generation not checked": _with(GenerationNotChecked),
    "blocks of a revoked partition": _with(KeepsReadingsOfRevoked),
    "stale blocks stepped": Parts(build=_stepped_when_stale),
    "generations missed": Parts(build=_generations_missed),
    "loader reads uncommitted": Parts(client=ReadsUncommitted),
    "loader stops before the end": Parts(client=StopsBeforeTheEnd),
    "transaction tried again": Parts(producer=TriesAgain),
    "older owner not fenced": Parts(producer=Unfenced),
    "breaker never closes": Parts(ladder=LadderThatNeverCloses),
    "model without a deadline": Parts(ladder=LadderWithoutDeadline),
}

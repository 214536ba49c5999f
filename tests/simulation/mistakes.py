"""Every mistake by name: what the workers of a world are made of in which it is made. All belong to the shell.

What fencing alone forgives is not among them: stepping stale blocks, opening a partition in a generation that has
passed, keeping a partition over generations that were missed. Each was tried, none was noticed.
"""

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
from schemas.topics import CHANGELOG
from streams.app import build
from streams.outside import Outside
from streams.owner import Owner
from streams.progress import InputPartition
from streams.settings import Settings
from streams.standbys import Tail
from streams.table.changelog import Restored
from streams.table.loader import Loaded, Loader
from streams.table.store import Store
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

    def append(self, tp: TP, data: bytearray, count: int) -> int:
        self.written.append((tp, bytes(data), count))
        return super().append(tp, data, count)


class Unfenced(TransactionalProducer):
    """An older owner is not fenced: each has a transactional id of its own."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.name = self.wire.name


class OutputsOutside(TransactionalProducer):
    """Only the changelog and the offset are in the transaction, as with Faust's "exactly_once"."""

    def append(self, tp: TP, data: bytearray, count: int) -> int:
        if tp.topic == CHANGELOG.name:
            return super().append(tp, data, count)
        return self._broker.append(tp, data, count)


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


def _unreported_not_waited_for(settings: Settings, scorer: Scorer, outside: Outside) -> Worker:
    """A TICK waits only for input partitions that have reported."""
    worker = build(settings, scorer, outside)
    worker.ticker._inputs = _Reported(worker)
    return worker


class _Reported:
    """The input partitions that have reported."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    @property
    def parts(self) -> set[InputPartition]:
        return set(self._worker.ticker.progress)

    @property
    def as_of_ms(self) -> int:
        return self._worker.inputs.as_of_ms


def _ends_not_asked(settings: Settings, scorer: Scorer, outside: Outside) -> Worker:
    """Ingest says "now" of a partition without asking the broker where it ends."""
    worker = build(settings, scorer, outside)

    async def read_so_far(parts: list[InputPartition]) -> dict[InputPartition, int]:
        return {part: worker.progress.trackers[part].progress.offset for part in parts}

    worker.progress._ends = read_so_far
    return worker


def _store_told_before_the_commit(settings: Settings, scorer: Scorer, outside: Outside) -> Worker:
    """The local store is told what a transaction is about to write, and of the offset behind it."""
    worker = build(settings, scorer, outside)
    load = worker.owners._load

    async def loaded(number: int) -> Owner:
        owner = await load(number)
        write = owner.writer.write

        async def told_first(changelog: Any, outputs: Any, offset: int | None) -> int:
            owner.partition.shard.shoppers.cold.write(changelog, -1)
            return await write(changelog, outputs, offset)

        owner.writer.write = told_first
        return owner

    worker.owners._load = loaded
    return worker


def _standby_taken_as_it_is(settings: Settings, scorer: Scorer, outside: Outside) -> Worker:
    """Who takes a standby over does not read what the changelog has gone on by."""
    worker = build(settings, scorer, outside)
    read_rest = worker.owners._read_rest

    async def rest(tail: Tail) -> tuple[int, Loaded]:
        return (tail.position, Loaded(0, tail.position)) if tail.begun else await read_rest(tail)

    worker.owners._read_rest = rest
    return worker


def _place_of_a_store_ahead(settings: Settings, scorer: Scorer, outside: Outside) -> Worker:
    """A snapshot says that it has what a standby, or an owner, has not read yet."""
    worker = build(settings, scorer, outside)
    table = worker.owners._table

    async def ahead(loader: Loader, number: int) -> Restored | Store:
        found = await table(loader, number)
        reached = found.reached
        found.reached = lambda position: reached(position + 3)
        return found

    worker.owners._table = ahead
    return worker


MISTAKES: Final[dict[str, Parts]] = {
    "offsets before acknowledgements": _with(CommitsBeforeAcknowledged),
    "durable when sent": Parts(build=_progress_before_acknowledged),
    "drain without a limit": _with(DrainsWithoutLimit),
    "unreported inputs not waited for": Parts(build=_unreported_not_waited_for),
    "ends not asked": Parts(build=_ends_not_asked),
    "outputs outside the transaction": Parts(producer=OutputsOutside),
    "loader reads uncommitted": Parts(client=ReadsUncommitted),
    "loader stops before the end": Parts(client=StopsBeforeTheEnd),
    "transaction tried again": Parts(producer=TriesAgain),
    "older owner not fenced": Parts(producer=Unfenced),
    "store told before the commit": Parts(build=_store_told_before_the_commit),
    "standby taken as it is": Parts(build=_standby_taken_as_it_is),
    "snapshot's place ahead": Parts(build=_place_of_a_store_ahead),
    "breaker never closes": Parts(ladder=LadderThatNeverCloses),
}

"""The decide stage of a worker without a broker: a writer that remembers, a model with one answer, time by hand."""

import asyncio
from collections.abc import Sequence

from inference.answers import Answer, Scores
from inference.inputs import Request
from schemas.decisions import Model
from streams.counts import Counts
from streams.decide import ASKS, Decide
from streams.owner import Owner, Pace
from tests.streams.blocks import Block
from tests.streams.builders import Log
from tests.streams.clocks import Clock
from tests.streams.decided import partition

T0_S = 1_000_000


class Writer:
    """Records what is written. It may be slow, and it may fail."""

    def __init__(self) -> None:
        self.writes: list[tuple[dict, list, int | None]] = []
        self.may_go = asyncio.Event()
        self.may_go.set()
        self.may_stop = asyncio.Event()
        self.may_stop.set()
        self.written = asyncio.Event()
        self.failure: Exception | None = None
        self.stopped = False

    async def write(self, changelog: Sequence, outputs: Sequence, offset: int | None) -> None:
        await self.may_go.wait()
        if self.failure is not None:
            raise self.failure
        self.writes.append((dict(changelog), list(outputs), offset))
        self.written.set()

    async def stop(self) -> None:
        await self.may_stop.wait()
        self.stopped = True

    @property
    def offsets(self) -> list[int | None]:
        return [offset for _, _, offset in self.writes]


class NineTenths:
    """Answers 0.9 to everything, when it may."""

    def __init__(self) -> None:
        self.calls: list[int] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def score(self, requests: Sequence[Request]) -> Answer:
        self.calls.append(len(requests))
        await self.may_answer.wait()
        return Answer("model", Model(name="m", version="1"), [Scores(0.5, 0.9, ())] * len(requests))


class World:
    """A worker's decide stage over `count` partitions, with time in the tester's hand."""

    def __init__(self, count: int = 1, asks: int = ASKS) -> None:
        self.now_s = 0.0
        self.model = NineTenths()
        self.decide = Decide(self.model, Clock(T0_S * 1_000), lambda: self.now_s, asks)
        self.writers = [Writer() for _ in range(count)]
        for number, writer in enumerate(self.writers):
            pace = Pace(0.05, 1.0, self.now_s)
            self.decide.owners[number] = Owner(partition(), writer, pace, "t.", Counts())

    def gives(self, log: Log, number: int = 0) -> Block:
        """The records that the log got since the last time."""
        owner = self.decide.owners[number]
        known = owner.partition.shard.offset + sum(len(block.records) for block in owner.blocks)
        block = Block("timeline", number, log.records[known:])
        self.decide.give(number, block)
        return block

    async def round(self, later_s: float = 0.0) -> None:
        self.now_s += later_s
        await self.decide.round()
        for _ in range(5):
            await asyncio.sleep(0)


def at_risk_log() -> Log:
    return Log().tick(T0_S).cart(T0_S).tick(T0_S + 1).view(T0_S + 10)

"""A worker's decide stage: the production rounds, owners, partitions and ticker, on a broker of the model.

Only what stands around them is the model's: how partitions are taken over (`streams/owners.py`), how blocks come from
the transport, and how the scorer and the broker take their time.
"""

from collections.abc import Sequence
from random import Random

from inference.answers import Answer, Scores
from inference.inputs import Request
from schemas.decisions import Model
from streams.core.policy.rules import Caps, CartAtRisk, CartNudge, ConsentRule, PolicyRules
from streams.core.shard import Rules, Shard
from streams.core.ticks import Source
from streams.decide import ASKS, Decide
from streams.owner import Owner, Pace
from streams.pipeline import Partition
from streams.table.changelog import Restored
from streams.ticker import Ticker
from tests.model.process import Gone, Loop, Process
from tests.model.shop import IDLE_S, LATE_S
from tests.model.site import Site
from tests.model.writer import Writer
from tests.streams.builders import Record

POLICY = PolicyRules(
    id="model",
    version="1",
    consent=ConsentRule(max_age_s=90),
    caps=Caps(per_shopper=3, window_s=60),
    cart_nudge=CartNudge(max_purchase_24h=0.9, max_late_s=80, expires_s=120),
    cart_at_risk=CartAtRisk(min_abandon_30m=0.4, max_late_s=80, expires_s=120),
)


class Block:
    """Consecutive records of the timeline, stale once the reading that brought them is closed."""

    def __init__(self, records: Sequence[Record], reading: "Reading") -> None:
        self.records, self._reading = records, reading

    @property
    def stale(self) -> bool:
        return self._reading.closed

    def release(self) -> None:
        """Nobody limits how much is read ahead here."""


class Reading:
    """A partition is read until this is closed."""

    closed = False


class Scorer:
    """Models whose answer is never the same twice, and rules when they do not answer."""

    def __init__(self, process: Process) -> None:
        self._process, self._rng = process, process.rng

    async def score(self, requests: Sequence[Request]) -> Answer:
        """After some awaits, an answer of any rung."""
        rng = self._rng
        while rng.random() < 0.5:
            await self._process.pause()
        if rng.random() < 0.15:
            return Answer("rules", None, [None] * len(requests))
        scores = [Scores(rng.random(), rng.random(), ()) for _ in requests]
        return Answer(rng.choice(("model", "previous_model")), Model(name="m", version="1"), scores)


class Inputs:
    """The input partitions of a site: always the same, so they are known as of now."""

    def __init__(self, site: Site) -> None:
        self.parts: set[Source] = set(site.broker.inputs)
        self._clock = site.clock

    @property
    def as_of_ms(self) -> int:
        return self._clock.now_ms()


class DecideProcess(Process):
    """Owns some timeline partitions."""

    shard_class, partition_class, ticker_class, writer_class = Shard, Partition, Ticker, Writer

    def __init__(self, loop: Loop, rng: Random, site: Site, partitions: tuple[int, ...]) -> None:
        super().__init__(loop, rng)
        self.site, self.broker = site, site.broker
        self.readings: dict[int, Reading] = {}
        self.rounds = 0
        self.decide = Decide(Scorer(self), site.clock, lambda: float(self.rounds), rng.choice((1, 4, ASKS)))
        self.ticker = self.ticker_class(self._append, Inputs(site), self._watermarks, LATE_S * 1_000)
        for partition in partitions:
            self.spawn(self._take(partition))
        self.spawn(self._rounds())
        self.spawn(self._ticks())

    async def load(self, partition: int) -> tuple[Restored, Writer]:
        """Fence older owners first, then read what they committed."""
        writer = self.writer_class(self, self.broker, partition)
        await writer.start()
        return await self.restored(partition), writer

    async def restored(self, partition: int) -> Restored:
        """The changelog, up to the end that it has now."""
        restored, log = Restored(), self.broker.changelog[partition]
        end = len(log)
        await self.pause()
        for change in log[:end]:
            if self.seen(change.transaction.state):
                restored.apply(change.key, change.value)
        await self.pause()
        return restored

    def seen(self, state: str) -> bool:
        """Whether the loader reads what a transaction in this state wrote."""
        return state == "committed"

    def stop_reading(self, partition: int) -> None:
        """Blocks in hand become stale."""
        self.readings[partition].closed = True

    async def _take(self, partition: int) -> None:
        restored, writer = await self.load(partition)
        shard = self.shard_class()
        shard.restore(restored.shoppers, restored.meta)
        part = self.partition_class(shard, self.site.rules, POLICY)
        pace = Pace(0, self.site.commit_every, self.rounds - self.rng.randrange(self.site.commit_every))
        owner = self.decide.owners[partition] = Owner(part, writer, pace, "", self.decide.counts)
        await self._read(partition, owner)

    async def _read(self, partition: int, owner: Owner) -> None:
        reading = self.readings[partition] = Reading()
        owner.drained = False
        log, position = self.broker.timeline[partition], owner.partition.shard.offset
        while not reading.closed:
            await self.pause()
            if position < len(log):
                records = log[position : position + self.rng.randrange(1, 12)]
                position += len(records)
                self.decide.give(partition, Block(records, reading))

    async def _rounds(self) -> None:
        while True:
            await self.pause()
            self.rounds += 1
            if self.broker.faults and self.readings and self.rng.random() < 0.01:
                await self._let_go()
            await self.decide.round()

    async def _let_go(self) -> None:
        """A rebalance: drain, then the partition stays after all, or goes and comes back, or the worker ends."""
        partition = self.rng.choice(list(self.readings))
        owners = self.decide.owners
        if partition not in owners:
            return
        await self.decide.let_go({partition})
        self.stop_reading(partition)
        comes = self.rng.random()
        if comes < 0.4:
            self.spawn(self._read(partition, owners[partition]))
        else:
            await owners.pop(partition).stop()
            if comes > 0.7:
                raise Gone
            self.spawn(self._take(partition))

    async def _ticks(self) -> None:
        for key, value in self.broker.compacted_progress():
            self.ticker.heard(key, value)
        heard = len(self.broker.progress)
        while True:
            await self.pause()
            if self.rng.random() < 0.5:
                for key, value in self.broker.progress[heard:]:
                    self.ticker.heard(key, value)
                heard = len(self.broker.progress)
            await self.ticker.look()

    async def _append(self, partition: int, value: bytes) -> None:
        await self.pause()
        self.broker.append(partition, None, value)

    def _watermarks(self) -> dict[int, int]:
        return {number: owner.partition.shard.watermark_ms for number, owner in self.decide.owners.items()}


def rules(forgets: bool) -> Rules:
    """The settings of a step; whoever `forgets` forgets everybody without an open cart, at midnight."""
    ttl_ms = 0 if forgets else Rules().shopper_ttl_ms
    return Rules(cart_idle_ms=IDLE_S * 1_000, score_every_ms=4_000, shopper_ttl_ms=ttl_ms)

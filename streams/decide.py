"""The decide stage of a worker: rounds over the timeline partitions it owns.

A round steps the blocks in hand of every partition until it has enough to ask, asks the models once for all of them,
decides, and starts the transactions that are due. Between two rounds nothing is unanswered, so whatever is written is
whole; what is left of a block waits for the next round, and where a round ended changes nothing that is written.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from itertools import groupby, islice
from operator import itemgetter

from inference.answers import Answer, Scorer
from streams.clock import LogClock
from streams.core.asks import Ask
from streams.counts import Counts
from streams.owner import Owner, TimelineBlock
from streams.pipeline import Partition

ASKS = 512
"""So many asks at most are made in a round, and answered by one call, each call with a deadline of its own.

Measured with `abandon_lstm` on the embedded Triton, two cores, client and server on both: a call takes 7.6 ms for 256
requests, 14.5 ms for 512, 35 ms for 1,024, so a tenth of the default deadline; 28 to 34 us a request, at any of these.
Rounds of 512 cost 10 % less CPU than rounds of 256. Without a limit a backlog asked 15,000 at once in 15 calls, on a
busy machine one of them was late, and rules took all 15,000.
"""
LEAST_SLICE = 32
"""A round with room for fewer asks is full: slices of a few records cost more than the room is worth."""
ROUND_RECORDS = 16_384
"""A round that asks nothing ends after so many records: everything else in the process waits for it, 40 ms and more."""
ALL = 1 << 62
"""Of the shoppers in memory: no limit."""
IDLE_S = 0.02
"""How long a round waits for a block: what is due is written this late at most."""
Clock = Callable[[], float]


class Decide:
    """Drives the owners of this worker. `owners` is by timeline partition, `asks` the most of one call.

    `in_memory`: so many shoppers of all partitions together are kept in memory.
    """

    def __init__(
        self,
        scorer: Scorer,
        clock: LogClock,
        now_s: Clock = time.monotonic,
        asks: int = ASKS,
        in_memory: int = ALL,
    ) -> None:
        self.owners: dict[int, Owner] = {}
        self.counts = Counts()
        self.scorer = scorer
        self._clock, self._now_s = clock, now_s
        self._asks, self._in_memory = asks, in_memory
        self._last = -1  # the partition that was stepped last
        self._block_came = asyncio.Event()
        self._round = asyncio.Lock()

    def give(self, partition: int, block: TimelineBlock) -> None:
        """Queue a block for its partition's owner. Where there is none, or it was drained, the block is read again."""
        owner = self.owners.get(partition)
        if owner is None or owner.drained:
            block.release()
            return
        owner.blocks.append(block)
        self._block_came.set()

    async def run(self, beat: Callable[[], None]) -> None:
        """Round after round, until cancelled; `beat` is called after each.

        Raises what a step, a decision or a transaction failed with.
        """
        while True:
            await self._block_in_hand()
            async with self._round:
                await self.round(beat)
            beat()

    async def round(self, beat: Callable[[], None] = lambda: None) -> None:
        """One pass over the blocks in hand; `beat` is called after each answer of the models."""
        owners, began_s = list(self.owners.values()), self._now_s()
        stepped = self._step()
        await self._answer(owners, beat)
        now_s = self._now_s()
        for owner in owners:
            owner.cool(self._in_memory // len(owners))
            owner.write_if_due(now_s)
        if stepped:
            self.counts.rounds.add(now_s - began_s)

    async def let_go(self, partitions: set[int] | None = None) -> None:
        """Between two rounds, write what these partitions have decided; all partitions where none are named."""
        async with self._round:
            owners = [owner for number, owner in self.owners.items() if partitions is None or number in partitions]
            await asyncio.gather(*(owner.drain() for owner in owners))

    async def _block_in_hand(self) -> None:
        """Return once there is something to step, or after `IDLE_S`. Whatever else the process does has its turn."""
        await asyncio.sleep(0)
        if not any(owner.blocks for owner in self.owners.values()):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(IDLE_S):  # Python 3.11's wait_for may miss that it was cancelled
                    await self._block_came.wait()
        self._block_came.clear()

    def _step(self) -> int:
        """Step the blocks in hand, one partition after the other, until a limit is reached: how many records.

        The next round goes on with the partition behind the last one. A record makes one ask at most, but for a TICK
        and what came late; so a slice of as many records as asks may still be made seldom makes too many.
        """
        stepped = asked = 0
        for number in sorted((number for number, owner in self.owners.items() if owner.blocks), key=self._turn):
            owner = self.owners[number]
            while owner.blocks:
                room = self._asks - asked
                if stepped >= ROUND_RECORDS or (asked and room < LEAST_SLICE):
                    return stepped
                self._last = number
                records, asks = owner.step(room)
                stepped, asked = stepped + records, asked + asks
        return stepped

    def _turn(self, number: int) -> tuple[bool, int]:
        return number <= self._last, number

    async def _answer(self, owners: list[Owner], beat: Callable[[], None]) -> None:
        """All asks in their order, as many at a time as one call may have: a TICK may have made thousands."""
        made = [(owner.partition, ask) for owner in owners for ask in owner.asks]
        for owner in owners:
            owner.asks = []
        for start in range(0, len(made), self._asks):
            await self._answer_some(made[start : start + self._asks])
            beat()

    async def _answer_some(self, made: list[tuple[Partition, Ask]]) -> None:
        requests = [ask.request for _, ask in made if ask.request is not None]
        answer = await self.scorer.score(requests) if requests else Answer("rules", None, [])
        self.counts.scores[answer.mode] += len(requests)
        now_ms, scores = self._clock.now_ms(), iter(answer.scores)
        for partition, group in groupby(made, key=itemgetter(0)):
            asks = [ask for _, ask in group]
            scored = list(islice(scores, sum(ask.request is not None for ask in asks)))
            partition.answer(asks, Answer(answer.mode, answer.model, scored), now_ms)

"""The decide stage of a worker: rounds over the timeline partitions it owns.

A round steps the blocks in hand of every partition, asks the models once for all of them, decides, and starts the
transactions that are due. Between two rounds nothing is unanswered, so whatever is written is whole.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable

from inference.answers import Answer, Scorer
from streams.clock import LogClock
from streams.counts import Counts
from streams.owner import Owner, TimelineBlock

IDLE_S = 0.02
"""How long a round waits for a block: what is due is written this late at most."""
Clock = Callable[[], float]


class Decide:
    """Drives the owners of this worker. `owners` is by timeline partition."""

    def __init__(self, scorer: Scorer, clock: LogClock, now_s: Clock = time.monotonic) -> None:
        self.owners: dict[int, Owner] = {}
        self.counts = Counts()
        self.scorer = scorer
        self._clock, self._now_s = clock, now_s
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
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._block_came.wait(), IDLE_S)
            self._block_came.clear()
            async with self._round:
                await self.round()
            beat()

    async def round(self) -> None:
        """One pass over the blocks in hand."""
        owners, began_s, before = list(self.owners.values()), self._now_s(), self.counts.stepped
        for owner in owners:
            owner.step()
        if any(owner.asks for owner in owners):
            await self._answer([owner for owner in owners if owner.asks])
        now_s = self._now_s()
        for owner in owners:
            owner.write_if_due(now_s)
        if self.counts.stepped != before:
            self.counts.rounds.add(now_s - began_s)

    async def let_go(self, partitions: set[int] | None = None) -> None:
        """Between two rounds, write what these partitions have decided; all partitions where none are named."""
        async with self._round:
            owners = [owner for number, owner in self.owners.items() if partitions is None or number in partitions]
            await asyncio.gather(*(owner.drain() for owner in owners))

    async def _answer(self, owners: list[Owner]) -> None:
        requests = [ask.request for owner in owners for ask in owner.asks if ask.request is not None]
        answer = await self.scorer.score(requests) if requests else Answer("rules", None, [])
        self.counts.scores[answer.mode] += len(requests)
        now_ms, at = self._clock.now_ms(), 0
        for owner in owners:
            made, owner.asks = owner.asks, []
            count = sum(ask.request is not None for ask in made)
            owner.partition.answer(made, Answer(answer.mode, answer.model, answer.scores[at : at + count]), now_ms)
            at += count

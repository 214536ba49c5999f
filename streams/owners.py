"""Which timeline partitions this worker owns: taking them over after a rebalance, and letting them go."""

import asyncio
import logging
import time
from contextlib import AsyncExitStack
from typing import cast

import faust
from faust.types import TP

from schemas.topics import CHANGELOG, TIMELINE
from streams.connection import connection
from streams.core.policy.rules import PolicyRules
from streams.core.shard import Rules, Shard
from streams.decide import Decide
from streams.outside import Outside
from streams.owner import Owner, Pace
from streams.pipeline import Partition
from streams.settings import Settings
from streams.table.changelog import Restored
from streams.table.loader import Loader
from streams.table.transactions import Owned, PartitionWriter
from streams.transport.consumer import Consumer
from streams.transport.fatal import end_if_failed

LOADS_AT_ONCE = 2
Tenure = tuple[int, int]

log = logging.getLogger(__name__)


class Owners:
    """Follows the group's assignment. What stays ours keeps its state; all else is loaded, a few partitions at a time.

    A tenure is a partition and the generation since which it is ours without a break. Where a generation was missed,
    another worker may have owned the partition in between, so what is known of it is dropped and loaded again.
    """

    def __init__(
        self, app: faust.App, settings: Settings, policy: PolicyRules, decide: Decide, outside: Outside
    ) -> None:
        self._outside = outside
        self._app, self._settings, self._policy, self._decide = app, settings, policy, decide
        self._timeline = settings.topic_prefix + TIMELINE.name
        self._changelog = settings.topic_prefix + CHANGELOG.name
        self._assigned = asyncio.Event()
        self._loads = asyncio.Semaphore(LOADS_AT_ONCE)
        self._generation, self._ours = -1, set[Tenure]()
        self._held: dict[Tenure, Owner] = {}
        self._takes: dict[Tenure, asyncio.Task[None]] = {}

    def watermarks(self) -> dict[int, int]:
        """The watermark of each partition that is owned."""
        return {number: owner.partition.shard.watermark_ms for number, owner in self._decide.owners.items()}

    def rebalanced(self) -> None:
        """Look at the assignment again."""
        generation = self._app.consumer_generation_id
        since = dict(self._ours) if generation - self._generation in (0, 1) else {}
        numbers = {tp.partition for tp in self._app.consumer.assignment() if tp.topic == self._timeline}
        self._ours = {(number, since.get(number, generation)) for number in numbers}
        self._generation = generation
        self._assigned.set()

    async def run(self) -> None:
        """Bring ownership in line with the assignment, after each rebalance, until cancelled."""
        while True:
            await self._assigned.wait()
            self._assigned.clear()
            await self._give_up((self._held.keys() | self._takes.keys()) - self._ours)
            for tenure in sorted(self._ours - self._takes.keys()):
                self._takes[tenure] = take = asyncio.create_task(self._take(tenure), name=f"taking over {tenure[0]}")
                take.add_done_callback(end_if_failed)

    async def stop(self) -> None:
        """Let everything go; what was decided and not written is decided again by the next owner."""
        self._ours = set()
        await self._give_up(self._held.keys() | self._takes.keys())

    async def _give_up(self, tenures: set[Tenure]) -> None:
        takes = [self._takes.pop(tenure) for tenure in tenures & self._takes.keys()]
        for take in takes:
            take.cancel()
        await asyncio.gather(*takes, return_exceptions=True)
        gone = [self._decide.owners.pop(tenure[0]) for tenure in tenures & self._held.keys()]
        self._held = {tenure: owner for tenure, owner in self._held.items() if tenure not in tenures}
        await asyncio.gather(*(owner.stop() for owner in gone))

    async def _take(self, tenure: Tenure) -> None:
        """Load the partition where it is new, then read on, in whatever generation the group is by then."""
        number, generation = tenure[0], -1
        if tenure not in self._held:
            async with self._loads:
                if tenure in self._ours:  # to load what another worker owns by now would fence it
                    self._held[tenure] = self._decide.owners[number] = await self._load(number)
        consumer = cast(Consumer, self._app.consumer)
        while tenure in self._ours and generation != self._generation:
            owner, generation = self._held[tenure], self._generation
            at = owner.partition.shard.offset
            owner.drained = not await consumer.open_partition(TP(self._timeline, number), at, generation)
        del self._takes[tenure]

    async def _load(self, number: int) -> Owner:
        """Fence older owners first, then read what they committed."""
        settings, began_s = self._settings, time.monotonic()
        owned = Owned(settings.app_id, number, self._timeline, self._changelog)
        on, outside = settings.transactions != "off", self._outside
        writer = PartitionWriter(connection(settings), owned, transactions=on, producer=outside.producer)
        loader, restored = Loader(connection(settings), self._changelog, client=outside.client), Restored()
        async with AsyncExitStack() as given_up:
            given_up.push_async_callback(writer.stop)
            await writer.start()
            async with AsyncExitStack() as loading:
                loading.push_async_callback(loader.stop)
                await loader.start()
                loaded = await loader.load(number, restored.apply)
            given_up.pop_all()
        shard = Shard()
        shard.restore(restored.shoppers, restored.meta)
        log.info(
            "timeline partition %d: %d shoppers from %d records in %.1f s, reading on from offset %d",
            number, len(restored.shoppers), loaded.records, time.monotonic() - began_s, shard.offset,
        )  # fmt: skip
        staggered_s = outside.now_s() - settings.commit_every_s * number / settings.timeline_partitions
        pace = Pace(settings.emit_every_ms / 1_000, settings.commit_every_s, staggered_s)
        return Owner(
            Partition(shard, self._rules(), self._policy), writer, pace, settings.topic_prefix, self._decide.counts
        )

    def _rules(self) -> Rules:
        settings = self._settings
        return Rules(
            cart_idle_ms=round(settings.cart_idle_s * 1_000),
            score_every_ms=round(settings.score_every_s * 1_000),
            shopper_ttl_ms=round(settings.shopper_ttl_days * 86_400_000),
            ask_models=bool(settings.model),
        )

"""Which timeline partitions this worker owns: taking them over after a rebalance, and letting them go."""

import asyncio
import logging
import time
from typing import cast

import faust
from faust.types import TP

from schemas.topics import CHANGELOG, TIMELINE
from streams.connection import connection
from streams.core.policy.rules import PolicyRules
from streams.core.shard import Rules, Shard
from streams.decide import Decide
from streams.owner import Owner, Pace
from streams.pipeline import Partition
from streams.settings import Settings
from streams.table.changelog import Restored
from streams.table.loader import Loader
from streams.table.transactions import Owned, PartitionWriter
from streams.transport.consumer import Consumer

LOADS_AT_ONCE = 2

log = logging.getLogger(__name__)


class Owners:
    """Follows the group's assignment. Partitions that stay keep their state; new ones are loaded one by one."""

    def __init__(self, app: faust.App, settings: Settings, policy: PolicyRules, decide: Decide) -> None:
        self._app, self._settings, self._policy, self._decide = app, settings, policy, decide
        self._timeline = settings.topic_prefix + TIMELINE.name
        self._changelog = settings.topic_prefix + CHANGELOG.name
        self._assigned = asyncio.Event()
        self._loads = asyncio.Semaphore(LOADS_AT_ONCE)

    def watermarks(self) -> dict[int, int]:
        """The watermark of each partition that is owned."""
        return {number: owner.partition.shard.watermark_ms for number, owner in self._decide.owners.items()}

    def rebalanced(self) -> None:
        """Look at the assignment again."""
        self._assigned.set()

    async def run(self) -> None:
        """Bring ownership in line with the assignment, after each rebalance, until cancelled."""
        while True:
            await self._assigned.wait()
            self._assigned.clear()
            generation = self._app.consumer_generation_id
            ours = {tp.partition for tp in self._app.consumer.assignment() if tp.topic == self._timeline}
            for number in self._decide.owners.keys() - ours:
                await self._decide.owners.pop(number).stop()
            await asyncio.gather(*(self._take(number, generation) for number in sorted(ours)))

    async def stop(self) -> None:
        """Let everything go; what was decided and not written is decided again by the next owner."""
        owners, self._decide.owners = self._decide.owners, {}
        await asyncio.gather(*(owner.stop() for owner in owners.values()))

    async def _take(self, number: int, generation: int) -> None:
        owner = self._decide.owners.get(number)
        if owner is None:
            async with self._loads:
                owner = self._decide.owners[number] = await self._load(number)
        consumer = cast(Consumer, self._app.consumer)
        await consumer.open_partition(TP(self._timeline, number), owner.partition.shard.offset, generation)

    async def _load(self, number: int) -> Owner:
        """Fence older owners first, then read what they committed."""
        settings, began_s = self._settings, time.monotonic()
        owned = Owned(settings.app_id, number, self._timeline, self._changelog)
        writer = PartitionWriter(connection(settings), owned, transactions=settings.transactions != "off")
        await writer.start()
        loader, restored = Loader(connection(settings), self._changelog), Restored()
        await loader.start()
        try:
            loaded = await loader.load(number, restored.apply)
        finally:
            await loader.stop()
        shard = Shard()
        shard.restore(restored.shoppers, restored.meta)
        log.info(
            "timeline partition %d: %d shoppers from %d records in %.1f s, reading on from offset %d",
            number, len(restored.shoppers), loaded.records, time.monotonic() - began_s, shard.offset,
        )  # fmt: skip
        staggered_s = time.monotonic() - settings.commit_every_s * number / settings.timeline_partitions
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

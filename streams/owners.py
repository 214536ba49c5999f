"""Which timeline partitions this worker owns: taking them over after a rebalance, and letting them go."""

import asyncio
import logging
import time
from collections.abc import Collection
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import cast

import faust
from faust.types import TP

from schemas.topics import CHANGELOG, TIMELINE
from streams.connection import connection
from streams.core.policy.rules import PolicyRules
from streams.core.shard import Shard
from streams.decide import Decide
from streams.outside import Outside
from streams.owner import Owner, Pace
from streams.pipeline import Partition
from streams.settings import Settings
from streams.standbys import Standbys, Tail
from streams.step_rules import step_rules
from streams.table.changelog import Restored
from streams.table.loader import Into, Loaded, Loader
from streams.table.store import Store
from streams.table.stores import Stores
from streams.table.transactions import Owned, PartitionWriter
from streams.transport.consumer import Consumer
from streams.transport.fatal import end_if_failed

LOADS_AT_ONCE = 2
ENDS_LIMIT_S = 10.0
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
        self.standbys = Standbys(self._read_standby, self._ends, self._standby_table)
        self._to_follow = set[int]()
        self._reader: Loader | None = None
        on_disk = settings.transactions != "off" and settings.shoppers_in_memory
        self._stores = Stores(Path(settings.data_dir), settings.app_id) if on_disk else None
        self._assigned, self._assigned_s = asyncio.Event(), outside.now_s()
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
        standbys = {tp.partition for tp in self._app.assignor.assigned_standbys() if tp.topic == self._timeline}
        self._to_follow = standbys - numbers
        self._assigned_s = self._outside.now_s()
        self._assigned.set()

    async def run(self) -> None:
        """Bring ownership in line with the assignment, after each rebalance, until cancelled."""
        if self._stores is not None:
            self._stores.sweep()
        while True:
            await self._assigned.wait()
            self._assigned.clear()
            await self._give_up((self._held.keys() | self._takes.keys()) - self._ours)
            self.standbys.follow(self._to_follow, {number for number, _ in self._ours})  # an owner has its disk no more
            for tenure in sorted(self._ours - self._takes.keys()):
                self._takes[tenure] = take = asyncio.create_task(self._take(tenure), name=f"taking over {tenure[0]}")
                take.add_done_callback(end_if_failed)

    async def stop(self) -> None:
        """Let everything go; what was decided and not written is decided again by the next owner."""
        self._ours = set()
        self.standbys.follow(set(), set())
        await self._give_up(self._held.keys() | self._takes.keys())
        if self._reader is not None:
            await self._reader.stop()

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
        number, generation, assigned_s = tenure[0], -1, self._assigned_s
        new = tenure not in self._held
        if new:
            with self.standbys.held_back():
                async with self._loads:
                    if tenure in self._ours:  # to load what another worker owns by now would fence it
                        self._held[tenure] = self._decide.owners[number] = await self._load(number)
        consumer = cast(Consumer, self._app.consumer)
        while tenure in self._ours and generation != self._generation:
            owner, generation = self._held[tenure], self._generation
            at = owner.partition.shard.offset
            owner.drained = not await consumer.open_partition(TP(self._timeline, number), at, generation)
            if new and not owner.drained:
                self._decide.counts.takeovers.add(self._outside.now_s() - assigned_s)
                new = False
        del self._takes[tenure]

    async def _load(self, number: int) -> Owner:
        """Fence older owners first, then read what they committed, from where a standby here has read to."""
        settings, began_s = self._settings, self._outside.now_s()
        owned = Owned(settings.app_id, number, self._timeline, self._changelog)
        on, outside = settings.transactions != "off", self._outside
        writer = PartitionWriter(connection(settings), owned, transactions=on, producer=outside.producer)
        async with AsyncExitStack() as given_up:
            given_up.push_async_callback(writer.stop)
            await writer.start()
            tail = await self.standbys.promote(number)
            given_up.callback(tail.drop)
            begun, shard = "standby" if tail.begun else "", Shard()
            began_at, loaded = await self._read_rest(tail)
            begun = begun or ("snapshot" if began_at else "changelog")
            shard.restore(tail.restored.shoppers, tail.restored.meta)
            given_up.pop_all()
        took_s = outside.now_s() - began_s
        self._decide.counts.restore(begun, loaded.records, took_s)
        log.info(
            "timeline partition %d: %d changelog records from offset %d on (%s) in %.2f s, reading on from offset %d",
            number, loaded.records, began_at, begun, took_s, shard.offset,
        )  # fmt: skip
        staggered_s = outside.now_s() - settings.commit_every_s * number / settings.timeline_partitions
        pace = Pace(settings.emit_every_ms / 1_000, settings.commit_every_s, staggered_s)
        partition = Partition(shard, step_rules(settings), self._policy)
        return Owner(partition, writer, pace, settings.topic_prefix, self._decide.counts)

    async def _read_rest(self, tail: Tail) -> tuple[int, Loaded]:
        loader = self._loader()
        async with AsyncExitStack() as loading:
            loading.push_async_callback(loader.stop)
            await loader.start()
            return await tail.read_on(loader.load, partial(self._table, loader), time.time())

    async def _read_standby(self, number: int, into: Into, start: int) -> Loaded:
        return await (await self._standby_reader()).load(number, into, start)

    async def _standby_table(self, number: int) -> Restored | Store:
        return await self._table(await self._standby_reader(), number)

    async def _standby_reader(self) -> Loader:
        if self._reader is None:
            reader = self._loader()
            await reader.start()
            self._reader = reader
        return self._reader

    async def _table(self, loader: Loader, number: int) -> Restored | Store:
        """Where a partition is restored to: the local disk, but where that is not wanted, or the broker has none."""
        return self._stores.open(number, await loader.now(number)) if self._stores else Restored()

    def _loader(self) -> Loader:
        return Loader(connection(self._settings), self._changelog, client=self._outside.client)

    async def _ends(self, numbers: Collection[int]) -> dict[int, int]:
        consumer = cast(Consumer, self._app.consumer)
        ends = await consumer.end_offsets_of([TP(self._changelog, number) for number in numbers], ENDS_LIMIT_S)
        return {tp.partition: end for tp, end in ends.items()}

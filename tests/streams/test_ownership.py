"""Which partitions a worker owns, through rebalances at the worst moments. No broker; loads in the tester's hand."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from faust.types import TP

from schemas.topics import TIMELINE
from streams.outside import Outside
from streams.owner import Owner, Pace
from streams.owners import Owners
from streams.settings import Settings
from tests.streams.blocks import Block
from tests.streams.builders import Log
from tests.streams.decide_stage import T0_S, World, Writer
from tests.streams.decided import POLICY, partition


class Group:
    """The app and its consumer as Owners see them: a generation, an assignment, and what is read from where."""

    def __init__(self) -> None:
        self.consumer, self.assignor, self.consumer_generation_id = self, self, 0
        self.partitions: set[int] = set()
        self.standbys: set[int] = set()
        self.opened: list[tuple[int, int, int]] = []
        self.may_open = asyncio.Event()
        self.may_open.set()

    def assignment(self) -> set[TP]:
        return {TP(TIMELINE.name, number) for number in self.partitions}

    def assigned_standbys(self) -> set[TP]:
        return {TP(topic, number) for number in self.standbys for topic in (TIMELINE.name, "shop.events.click.v1")}

    async def open_partition(self, tp: TP, offset: int, generation: int) -> bool:
        await self.may_open.wait()
        if generation != self.consumer_generation_id or tp.partition not in self.partitions:
            return False
        self.opened.append((tp.partition, offset, generation))
        return True


class HeldLoads(Owners):
    """Owners whose loads end when the tester says so."""

    def __init__(self, group: Group, world: World) -> None:
        super().__init__(cast(Any, group), Settings(), POLICY, world.decide, Outside())
        self.group, self.world = group, world
        self.began: list[int] = []
        self.slow: dict[int, asyncio.Event] = {}

    async def rebalance(self, *numbers: int, skipped: int = 0) -> None:
        self.group.consumer_generation_id += 1 + skipped
        self.group.partitions = set(numbers)
        self.rebalanced()
        await settle()

    async def _load(self, number: int) -> Owner:
        self.began.append(number)
        if number in self.slow:
            await self.slow[number].wait()
        return Owner(partition(), cast(Any, Writer()), Pace(0.05, 1.0, 0.0), "t.", self.world.decide.counts)


@asynccontextmanager
async def owning(*slow: int) -> AsyncIterator[HeldLoads]:
    owners = HeldLoads(Group(), World(count=0))
    owners.slow = {number: asyncio.Event() for number in slow}
    running = asyncio.create_task(owners.run())
    yield owners
    running.cancel()
    await owners.stop()


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_partition_that_stays_keeps_its_state_and_is_read_on_from_there():
    async with owning() as owners:
        await owners.rebalance(1)
        kept = owners.world.decide.owners[1]
        owners.world.gives(Log().view(T0_S).view(T0_S), number=1)
        await owners.world.round()

        await owners.rebalance(0, 1)

        assert owners.world.decide.owners[1] is kept
        assert owners.group.opened == [(1, 0, 1), (0, 0, 2), (1, 2, 2)]


async def test_what_another_worker_may_have_owned_in_a_missed_generation_is_loaded_anew():
    async with owning() as owners:
        await owners.rebalance(1)
        old = owners.world.decide.owners[1]

        await owners.rebalance(1, skipped=1)

        assert owners.began == [1, 1]
        assert owners.world.decide.owners[1] is not old
        assert cast(Any, old.writer).stopped


async def test_a_partition_that_was_lost_and_regained_while_another_loads_is_loaded_anew():
    async with owning(7) as owners:
        await owners.rebalance(1, 7)
        old = owners.world.decide.owners[1]

        owners.group.consumer_generation_id, owners.group.partitions = 2, {7}
        owners.rebalanced()  # nobody looked in between
        await owners.rebalance(1, 7)

        assert owners.began == [1, 7, 1]
        assert owners.world.decide.owners[1] is not old


async def test_a_load_that_waits_for_its_turn_does_not_begin_once_the_partition_is_lost():
    async with owning(0, 1) as owners:
        await owners.rebalance(0, 1, 2)

        await owners.rebalance(0)
        for event in owners.slow.values():
            event.set()
        await settle()

        assert owners.began == [0, 1], "the writer of 2 would have fenced the worker that owns it now"
        assert owners.world.decide.owners.keys() == {0}


async def test_a_slow_load_does_not_keep_the_others_from_being_read_on():
    async with owning(7) as owners:
        await owners.rebalance(1, 7)

        await owners.rebalance(1, 7)
        assert owners.group.opened == [(1, 0, 1), (1, 0, 2)]

        owners.slow[7].set()
        await settle()
        assert owners.began == [1, 7]
        assert owners.group.opened[-1] == (7, 0, 2)


async def test_a_partition_that_was_being_opened_at_a_rebalance_is_opened_again_after_it():
    async with owning() as owners:
        owners.group.may_open.clear()
        await owners.rebalance(1)

        await owners.rebalance(1)
        owners.group.may_open.set()
        await settle()

        assert owners.group.opened == [(1, 0, 2)]


async def test_a_partition_that_was_owned_becomes_a_standby_once_its_owner_has_ended():
    """Its disk is the owner's until then, and what the owner has not committed is no state of a standby."""
    async with owning() as owners:
        await owners.rebalance(1)
        owner = owners.world.decide.owners[1]
        owners.group.standbys = {1, 2}
        owner.writer.may_stop.clear()

        await owners.rebalance(2)
        assert not owners.standbys.tails

        owner.writer.may_stop.set()
        await settle()
        assert owners.standbys.tails.keys() == {1}
        assert owners.standbys.tails[1].position == 0


async def test_a_drained_partition_takes_no_block_before_it_is_read_on():
    """A block that was on its way while its predecessor was dropped would leave a hole in what is committed."""
    async with owning() as owners:
        await owners.rebalance(1)
        owner, log = owners.world.decide.owners[1], Log().view(T0_S).view(T0_S)
        owners.world.gives(log, number=1)
        await owners.world.decide.let_go()

        late = Block("timeline", 1, log.records[1:])
        owners.world.decide.give(1, late)
        await owners.world.round(later_s=1.0)
        assert late.released
        assert owner.partition.shard.offset == 0

        await owners.rebalance(1)
        owners.world.gives(log, number=1)
        await owners.world.round()
        assert owner.partition.shard.offset == 2

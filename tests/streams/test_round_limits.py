"""A round asks for so much at once as a model answers in time; where it ends changes nothing that is written."""

import asyncio
from collections.abc import Sequence

import pytest

from inference.answers import Answer
from inference.inputs import Request
from streams.decide import ASKS, ROUND_RECORDS
from tests.streams.builders import Log
from tests.streams.decide_stage import T0_S, NineTenths, World


def carts(count: int, log: Log | None = None) -> Log:
    """As many shoppers, each asked about when the cart is filled."""
    log = log or Log().tick(T0_S)
    for number in range(count):
        log.cart(T0_S + 1, user=f"shopper-{number}")
    return log


async def drained(world: World) -> None:
    while any(owner.blocks for owner in world.decide.owners.values()):
        await world.round()
    await world.decide.let_go()


async def test_a_backlog_is_asked_about_in_calls_of_limited_size():
    world = World(count=2)
    for number in range(2):
        world.gives(carts(3 * ASKS), number)

    await drained(world)

    assert sum(world.model.calls) == 6 * ASKS
    assert max(world.model.calls) <= ASKS
    assert len(world.model.calls) <= 8  # and full ones


async def test_what_is_left_of_a_block_waits_for_the_next_round():
    world = World(asks=4)
    block = world.gives(carts(9))

    offsets = []
    while not block.released:
        await world.round()
        offsets.append(world.decide.owners[0].partition.shard.offset)

    assert offsets == [4, 8, 10]  # the first record is a TICK
    assert not world.decide.owners[0].blocks


async def test_a_tick_that_asks_about_everybody_is_answered_in_several_calls_and_each_shows_progress():
    world, log, beats = World(asks=100), carts(250).tick(T0_S + 2), list[None]()
    world.gives(log)
    await drained(world)
    world.model.calls.clear()
    world.decide.owners[0].drained = False

    world.gives(log.tick(T0_S + 3_600))
    await world.decide.round(lambda: beats.append(None))

    assert world.model.calls == [100, 100, 50]
    assert len(beats) == 3


async def test_a_call_that_is_not_answered_costs_its_own_decisions_only():
    class SecondIsLate(NineTenths):
        async def score(self, requests: Sequence[Request]) -> Answer:
            answer = await super().score(requests)
            return Answer("rules", None, [None] * len(requests)) if len(self.calls) == 2 else answer

    world = World(asks=10)
    world.model = world.decide.scorer = SecondIsLate()
    world.gives(carts(30))

    await drained(world)

    told = [output.value for _, outputs, _ in world.writers[0].writes for output in outputs]
    assert sum(b'"mode":"model"' in value for value in told) == 30 - world.model.calls[1]


async def test_partitions_take_turns():
    world = World(count=3, asks=4)
    for number in range(3):
        world.gives(carts(40), number)

    for _ in range(6):
        await world.round()

    assert [owner.partition.shard.offset for owner in world.decide.owners.values()] == [8, 8, 8]


async def test_a_partition_that_found_no_room_is_the_first_of_the_next_round():
    world = World(count=3, asks=4)
    for number in range(3):
        world.gives(carts(3), number)  # and a TICK: one round

    for _ in range(2):
        await world.round()

    assert [owner.partition.shard.offset for owner in world.decide.owners.values()] == [4, 4, 0]


async def test_a_partition_with_little_to_do_does_not_wait_for_one_with_much():
    world = World(count=2, asks=4)
    world.gives(carts(400), 0)
    await world.round()

    world.gives(carts(2), 1)
    await world.round()

    assert not world.decide.owners[1].blocks


async def test_a_round_that_asks_nothing_ends_too():
    world, log = World(), Log()
    for number in range(2 * ROUND_RECORDS):
        log.view(T0_S + number / 1_000)
    world.gives(log)

    await world.round()

    assert ROUND_RECORDS <= world.decide.owners[0].partition.shard.offset < ROUND_RECORDS + ASKS


@pytest.mark.parametrize("asks", [1, 3, 50])
async def test_what_is_written_does_not_depend_on_where_rounds_end(asks: int):
    log = carts(60).tick(T0_S + 2).view(T0_S + 10, user="shopper-1").buy(T0_S + 20, user="shopper-2").tick(T0_S + 3_600)
    written = []
    for limit in (asks, ASKS):
        world = World(asks=limit)
        world.gives(log)
        await drained(world)
        changelog = {key: value for changed, _, _ in world.writers[0].writes for key, value in changed.items()}
        written.append((changelog, [output for _, outputs, _ in world.writers[0].writes for output in outputs]))

    assert written[0] == written[1]


async def test_letting_go_in_the_middle_of_a_block_writes_what_was_stepped_and_the_rest_is_read_again():
    world, log = World(asks=4), carts(9)
    world.gives(log)
    await world.round()

    await world.decide.let_go()
    assert world.writers[0].offsets == [4]

    world.decide.owners[0].drained = False
    world.gives(log)
    await drained(world)
    assert world.writers[0].offsets == [4, 10]
    assert sum(world.model.calls) == 9


async def test_the_rest_of_a_block_that_became_stale_is_not_stepped():
    world = World(asks=4)
    block = world.gives(carts(9))
    await world.round()

    block.stale = True
    await world.round()

    assert (world.decide.owners[0].partition.shard.offset, block.released) == (4, True)


async def test_the_rounds_go_on_by_themselves_until_a_block_is_done():
    world, done = World(asks=4), asyncio.Event()
    block = world.gives(carts(400))
    running = asyncio.create_task(world.decide.run(lambda: done.set() if block.released else None))

    await asyncio.wait_for(done.wait(), 1.5)  # 100 rounds that each waited for a block would take two seconds
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert sum(world.model.calls) == 400

"""Trap D10 of FAUST.md: a table of Faust refuses what an agent over many records at a time wants to write into it.

The context of the event stands in a task that only `async for event in stream` has. Ours knows of no such context.
"""

import asyncio
import contextvars
import threading

import faust
import pytest
from faust.streams import current_event

from tests.streams.builders import Log
from tests.streams.decide_stage import T0_S, World
from tests.streams.decided import partition

USERS = ("ann", "bob", "eve")


def visits() -> Log:
    log = Log()
    for minute in range(2):
        for user in USERS:
            log.view(T0_S + minute * 60, user=user)
    return log


def test_d10_the_trap_a_table_of_faust_can_not_be_changed_from_outside_of_a_stream() -> None:
    table = faust.App("d10", store="memory://").Table("shoppers", partitions=1)

    with pytest.raises(TypeError, match="Cannot modify table key from outside of stream iteration"):
        table["ann"] = 1


async def test_d10_a_round_changes_the_shoppers_of_many_blocks_and_partitions_from_any_task() -> None:
    world = World(count=2)
    for number in range(2):
        log = visits()
        world.gives(log, number)
        world.gives(log.view(T0_S + 120), number)

    async def a_round_of_a_task_of_its_own() -> None:
        assert current_event() is None
        await world.round(later_s=1.0)

    await asyncio.create_task(a_round_of_a_task_of_its_own(), context=contextvars.Context())

    for number, writer in enumerate(world.writers):
        shoppers = world.decide.owners[number].partition.shard.shoppers
        assert {key: shopper.events for key, shopper in shoppers.items()} == {b"ann": 3, b"bob": 2, b"eve": 2}
        ((changelog, _, offset),) = writer.writes
        assert {user.encode() for user in USERS} < changelog.keys()
        assert offset == 7


def test_d10_a_block_changes_the_table_in_a_thread_without_an_event_loop() -> None:
    part = partition()
    thread = threading.Thread(target=part.step, args=(visits().records,))

    thread.start()
    thread.join(10)

    assert {key for key, _ in part.commit().changelog} > {user.encode() for user in USERS}

"""Trap D13 of FAUST.md: four asyncio tasks and a wake-up of the agent for every event. Ours are per block.

Tasks and calls are counted for 3 records and for 3,000; no time is measured. The tasks of the transport itself and the
wake-ups of a real agent are counted on a real Kafka, in `tests/integration/test_transport_cost.py`.
"""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from schemas.topics import CLICK
from streams.core.clean import CleanRules
from streams.ingest import Ingest, Names
from streams.owner import SELDOM
from tests.streams.blocks import Block, Raw
from tests.streams.builders import Log
from tests.streams.decide_stage import T0_S, World

FEW, MANY = 3, 3_000
VIEW = b'{"event":"Product Viewed","messageId":"m%d","userId":"u%d","timestamp":%d,"properties":{"product_id":"mug"}}'
AT_MS = 1_700_000_000_000


@contextmanager
def tasks_made() -> Iterator[list[str]]:
    """The names of the coroutines that became tasks inside the `with`."""
    loop, made = asyncio.get_running_loop(), list[str]()

    def make(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any], **more: Any) -> asyncio.Task[Any]:
        made.append(coroutine.__qualname__)
        return asyncio.Task(coroutine, loop=loop, **more)

    loop.set_task_factory(make)
    try:
        yield made
    finally:
        loop.set_task_factory(None)


async def round_over(count: int) -> tuple[list[str], list[int], int]:
    """A round over a block with two decisions and so many other records: tasks, calls of the model, transactions."""
    world, log = World(), Log().tick(T0_S).cart(T0_S).view(T0_S + 10)
    for number in range(count):
        log.view(T0_S + number, user="bob")
    world.gives(log)
    with tasks_made() as made:
        await world.round(later_s=float(SELDOM))
    assert world.decide.owners[0].partition.shard.shoppers[b"bob"].events == count
    return made, world.model.calls, len(world.writers[0].writes)


async def appends_of(count: int) -> tuple[list[str], int]:
    """Ingest of one block with so many records, all of one timeline partition: tasks, and calls of the producer."""
    calls: list[int] = []

    async def send(_: str, __: int, records: list, ___: int) -> list[asyncio.Future[None]]:
        calls.append(len(records))
        done = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return [done]

    ingest = Ingest(
        send, Names("d13", "timeline", 1, {"clicks": CLICK}), CleanRules(), lambda read: read.block.durable()
    )
    block = Block("clicks", 0, [Raw(n, VIEW % (n, n, AT_MS), timestamp=AT_MS) for n in range(count)])
    with tasks_made() as made:
        ingest.give(block)
        await ingest.flush()
        await ingest.drain()
    assert block.is_durable
    assert (sum(calls), ingest.refused) == (count, 0)
    return made, len(calls)


async def test_d13_a_round_costs_as_many_tasks_calls_and_transactions_for_many_records_as_for_few() -> None:
    tasks, asked, written = await round_over(FEW)

    assert await round_over(MANY) == (tasks, asked, written)
    assert (asked, written) == ([2], 1)


async def test_d13_ingest_costs_as_many_tasks_and_appends_for_many_records_as_for_few() -> None:
    assert await appends_of(MANY) == await appends_of(FEW)

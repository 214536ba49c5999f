"""A rebalance is not blocked by inference: letting go waits for the round under way, and that has a bound."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from inference.answers import Answer
from inference.client.breaker import Breaker
from inference.client.ladder import Ladder
from inference.inputs import Request
from streams.decide import ASKS
from tests.streams.builders import Log
from tests.streams.decide_stage import T0_S, World, at_risk_log
from tests.streams.test_round_limits import carts

CALLS = 20
DEADLINE_MS = 100.0
FAILURES = 3


class Hanging:
    """A model that never answers."""

    def __init__(self) -> None:
        self.calls = 0

    async def score(self, requests: Sequence[Request]) -> Answer:
        self.calls += 1
        await asyncio.Event().wait()
        raise AssertionError


async def test_a_tick_that_asks_ten_thousand_waits_for_a_few_deadlines_and_not_for_twenty():
    """Calls that fail open the breaker; from then on rules answer at once. What answers in time may take all of it."""
    world, log, model = World(), carts(CALLS * ASKS), Hanging()
    world.decide.scorer = Ladder([])
    world.gives(log)
    while world.decide.owners[0].blocks:
        await world.round()
    world.decide.scorer = Ladder([model], DEADLINE_MS, lambda: Breaker(FAILURES, open_s=600))

    world.gives(log.tick(T0_S + 3_600))
    async with rounds(world):
        await until(lambda: model.calls > 0)
        await asyncio.wait_for(world.decide.let_go(), 30)

    assert model.calls == FAILURES
    assert world.writers[0].offsets[-1] == len(log.records)


async def test_who_gives_up_waiting_for_a_slow_round_leaves_everything_to_the_next_owner():
    world, log = World(), at_risk_log()
    world.model.may_answer.clear()
    world.gives(log)
    world.now_s += 5

    async with rounds(world):
        await until(lambda: world.model.calls)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(world.decide.let_go(), 0.05)  # as the consumer does, after five seconds
        await world.decide.owners.pop(0).stop()
        world.model.may_answer.set()
        await asyncio.wait_for(world.decide.let_go(), 10)  # once the round is over

    assert world.writers[0].writes == []
    assert await told_by_the_next_owner(log) == await told_by_the_next_owner(at_risk_log())


async def test_a_partition_that_stays_after_a_drain_that_was_given_up_writes_what_it_had_asked_and_once():
    world, log = World(), at_risk_log()
    world.model.may_answer.clear()
    world.gives(log)
    world.now_s += 5

    async with rounds(world):
        await until(lambda: world.model.calls)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(world.decide.let_go(), 0.05)
        world.model.may_answer.set()
        await until(lambda: world.writers[0].offsets == [4])
        world.now_s += 5
        world.gives(log.view(T0_S + 20))
        await until(lambda: world.writers[0].offsets == [4, 5])

    told = [id_ for _, outputs, _ in world.writers[0].writes for id_ in ids(outputs)]
    assert told
    assert len(told) == len(set(told))


@asynccontextmanager
async def rounds(world: World) -> AsyncIterator[None]:
    """The rounds of a worker, which hold what letting go waits for."""
    running = asyncio.create_task(world.decide.run(lambda: None))
    yield
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def until(done: Callable[[], object], limit_s: float = 10.0) -> None:
    deadline = time.monotonic() + limit_s
    while not done():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)


async def told_by_the_next_owner(log: Log) -> list[bytes]:
    world = World()
    world.gives(log)
    await world.round(later_s=1.0)
    return sorted(ids(world.writers[0].writes[0][1]))


def ids(outputs: Sequence) -> list[bytes]:
    return [dict(output.headers)["ce_id"] for output in outputs]

"""Rounds: one inference call for all partitions, transactions in their pace, nothing written that is not whole."""

import asyncio
from collections.abc import Sequence

import pytest

from inference.answers import Answer, Scores
from inference.inputs import Request
from schemas.shopper import META_KEY, decode_meta
from streams.owner import MANY
from streams.table.transactions import TransactionFailed
from tests.streams.blocks import Block
from tests.streams.builders import Log
from tests.streams.decide_stage import T0_S, NineTenths, World, at_risk_log


async def test_the_model_is_asked_once_for_all_partitions_of_a_round():
    world = World(count=3)
    for number in range(3):
        world.gives(at_risk_log(), number)

    await world.round(later_s=0.05)

    assert world.model.calls == [6]
    assert all(len(writer.writes) == 1 for writer in world.writers)


async def test_each_partition_gets_the_answers_to_its_own_requests():
    class Counting(NineTenths):
        async def score(self, requests: Sequence[Request]) -> Answer:
            answer = await super().score(requests)
            return answer._replace(scores=[Scores(0.5, n / 100, ()) for n in range(len(requests))])

    world = World(count=2)
    world.model = world.decide.scorer = Counting()
    for number in range(2):
        world.gives(at_risk_log(), number)

    await world.round(later_s=1.0)

    told = [b"".join(output.value for output in writer.writes[0][1]) for writer in world.writers]
    assert b'"abandon_30m":0.0' in told[0]
    assert b'"abandon_30m":0.01' in told[0]
    assert b'"abandon_30m":0.02' in told[1]
    assert b'"abandon_30m":0.03' in told[1]


async def test_a_round_in_which_nothing_is_asked_calls_nobody():
    world = World()
    world.gives(Log().view(T0_S).tick(T0_S + 1))

    await world.round()

    assert world.model.calls == []


async def test_a_decision_without_an_intervention_waits_for_the_commit():
    world = World()
    world.gives(Log().tick(T0_S).cart(T0_S))

    await world.round(later_s=0.5)
    assert world.writers[0].writes == []

    await world.round(later_s=0.5)
    assert len(world.writers[0].writes[0][1]) == 1
    assert world.writers[0].offsets == [2]


async def test_what_was_decided_leaves_within_fifty_milliseconds_and_not_more_often():
    world, log = World(), at_risk_log()
    world.gives(log)
    await world.round()
    assert world.writers[0].writes == []

    await world.round(later_s=0.05)
    assert world.writers[0].offsets == [None]

    world.gives(log.buy(T0_S + 20).tick(T0_S + 21))  # takes the nudge back
    await world.round(later_s=0.03)
    assert len(world.writers[0].writes) == 1

    await world.round(later_s=0.02)
    assert world.writers[0].offsets == [None, None]


async def test_what_was_decided_carries_the_prefix_and_the_shoppers_record():
    world = World()
    world.gives(at_risk_log())

    await world.round(later_s=0.05)

    changelog, outputs, _ = world.writers[0].writes[0]
    assert changelog.keys() == {b"ann"}
    assert {output.topic for output in outputs} == {"t.shop.decisions.v1", "t.shop.interventions.cart_at_risk.v1"}


async def test_everything_else_is_committed_each_second_with_the_offset():
    world = World()
    world.gives(Log().view(T0_S).view(T0_S, user="bob").tick(T0_S + 1))

    await world.round(later_s=0.9)
    assert world.writers[0].writes == []

    await world.round(later_s=0.1)
    changelog, outputs, offset = world.writers[0].writes[0]
    assert (changelog.keys(), outputs, offset) == ({b"ann", b"bob", META_KEY}, [], 3)
    assert decode_meta(changelog[META_KEY]).offset == 3


async def test_under_load_there_is_a_commit_each_fifth_second_and_one_a_second_after_it():
    world, log = World(), Log()

    for _ in range(6):
        for _ in range(MANY + 1):
            log.view(T0_S)
        world.gives(log)
        await world.round(later_s=0.9)
    assert world.writers[0].offsets == [6 * (MANY + 1)]  # at 5.4 s

    world.gives(log.view(T0_S))
    await world.round(later_s=1.0)
    assert world.writers[0].offsets[1:] == [6 * (MANY + 1) + 1]


async def test_where_nothing_was_read_nothing_is_committed():
    world = World()

    for _ in range(3):
        await world.round(later_s=1.0)

    assert world.writers[0].writes == []


async def test_nothing_is_written_while_an_answer_is_missing():
    world = World()
    world.model.may_answer.clear()
    world.gives(at_risk_log())
    world.now_s += 5

    running = asyncio.create_task(world.decide.round())
    for _ in range(5):
        await asyncio.sleep(0)
    assert world.writers[0].writes == []
    with pytest.raises(RuntimeError, match="expected every ask answered before a write, 2 are not"):
        world.decide.owners[0].partition.commit()

    world.model.may_answer.set()
    await asyncio.wait_for(running, 1)
    await world.round()
    assert world.writers[0].offsets == [4]


async def test_there_is_one_transaction_at_a_time():
    world, log = World(), at_risk_log()
    world.gives(log)
    world.writers[0].may_go.clear()
    await world.round(later_s=1.0)
    world.gives(log.view(T0_S + 20))
    await world.round(later_s=1.0)

    world.writers[0].may_go.set()
    await world.round()
    await world.round()

    assert world.writers[0].offsets == [4, 5]


async def test_a_transaction_that_failed_raises_out_of_the_next_round():
    world = World()
    world.writers[0].failure = TransactionFailed("its outcome is unknown")
    world.gives(at_risk_log())
    await world.round(later_s=1.0)

    with pytest.raises(TransactionFailed, match="outcome is unknown"):
        await world.round()


async def test_letting_go_writes_what_was_stepped_and_drops_the_blocks_in_hand():
    world, log = World(), at_risk_log()
    world.gives(log)
    await world.round()
    world.gives(log.view(T0_S + 20))

    await world.decide.let_go()

    changelog, outputs, offset = world.writers[0].writes[0]
    assert (offset, len(world.writers[0].writes)) == (4, 1)
    assert b"ann" in changelog
    assert outputs
    assert not world.decide.owners[0].blocks


async def test_letting_go_of_some_partitions_leaves_the_others_alone():
    world = World(count=2)
    for number in range(2):
        world.gives(at_risk_log(), number)
    await world.round()

    await world.decide.let_go({1})

    assert [writer.offsets for writer in world.writers] == [[], [4]]


async def test_letting_go_waits_for_the_transaction_that_is_under_way():
    world = World()
    world.gives(at_risk_log())
    world.writers[0].may_go.clear()
    await world.round(later_s=0.05)

    going = asyncio.create_task(world.decide.let_go())
    await asyncio.sleep(0.01)
    assert not going.done()
    world.writers[0].may_go.set()
    await asyncio.wait_for(going, 1)

    assert world.writers[0].offsets == [None, 4]


async def test_letting_go_that_takes_too_long_does_not_cut_the_transaction_off():
    world = World()
    world.gives(at_risk_log())
    world.writers[0].may_go.clear()
    await world.round(later_s=1.0)

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(world.decide.let_go(), 0.01)
    world.writers[0].may_go.set()
    await world.round()

    assert world.writers[0].offsets == [4]


async def test_a_partition_that_was_given_up_in_the_middle_of_a_round_writes_nothing():
    world = World(count=2)
    world.model.may_answer.clear()
    for number in range(2):
        world.gives(at_risk_log(), number)
    world.now_s += 1
    running = asyncio.create_task(world.decide.round())
    await asyncio.sleep(0)

    await world.decide.owners.pop(0).stop()
    world.model.may_answer.set()
    await asyncio.wait_for(running, 1)
    await world.round()

    assert world.writers[0].stopped
    assert [writer.offsets for writer in world.writers] == [[], [4]]


async def test_giving_up_a_partition_whose_transaction_hangs_does_not_end_the_rounds():
    world = World(count=2)
    world.writers[0].may_go.clear()
    for number in range(2):
        world.gives(at_risk_log(), number)
    await world.round(later_s=1.0)
    owner = world.decide.owners[0]

    await owner.stop()
    await world.round(later_s=1.0)

    assert [writer.offsets for writer in world.writers] == [[], [4]]


async def test_a_block_without_an_owner_is_given_back():
    world = World()
    block = Block("timeline", 7, at_risk_log().records)

    world.decide.give(7, block)

    assert block.released


async def test_a_stale_block_is_not_stepped():
    world = World()
    block = world.gives(at_risk_log())
    block.stale = True

    await world.round(later_s=1.0)

    assert (block.released, world.writers[0].writes) == (True, [])


async def test_the_rounds_go_on_by_themselves_until_they_are_cancelled():
    world = World()
    beats: list[None] = []
    running = asyncio.create_task(world.decide.run(lambda: beats.append(None)))
    world.gives(at_risk_log())
    world.now_s += 1

    await asyncio.wait_for(world.writers[0].written.wait(), 2)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert world.writers[0].offsets == [4]
    assert beats

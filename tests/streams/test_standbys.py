"""Standbys read on in the changelog, give way to what is owned, and are right whenever they are taken over."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

import pytest
from aiokafka.errors import KafkaConnectionError

from schemas.shopper import Meta, Shopper
from streams.core.shoppers import Shoppers
from streams.standbys import STALE_S, Standbys
from streams.table.changelog import Restored, records
from streams.table.loader import Into, Loaded

Pair = tuple[bytes, bytes | None]
DAMAGED: Pair = (b"anna", b"\xff")


class Changelogs:
    """The changelog partitions of a broker; a reading may be slow, one record at a time in the tester's hand."""

    def __init__(self) -> None:
        self.logs: dict[int, list[Pair]] = {}
        self.began: list[tuple[int, int]] = []
        self.may_read = asyncio.Semaphore(1 << 20)
        self.reachable = True
        self.now_s = 0.0

    def shopper(self, number: int, key: bytes, fence: int) -> None:
        self.logs.setdefault(number, []).extend(records({key: Shopper(fence=fence)}, meta=Meta(offset=fence + 1)))

    async def load(self, number: int, into: Into, start: int) -> Loaded:
        self.began.append((number, start))
        end, count = len(self.logs[number]), 0
        for key, value in self.logs[number][start:end]:
            await self.may_read.acquire()
            into(key, value)
            count += 1
        return Loaded(count, end)

    async def ends(self, numbers: Collection[int]) -> dict[int, int]:
        if not self.reachable:
            raise KafkaConnectionError
        return {number: len(self.logs.get(number, [])) for number in numbers}


async def nothing_on_disk(_number: int) -> Restored:
    return Restored()


@asynccontextmanager
async def reading(changelogs: Changelogs) -> AsyncIterator[Standbys]:
    standbys = Standbys(changelogs.load, changelogs.ends, nothing_on_disk, lambda: changelogs.now_s)
    running = asyncio.create_task(standbys.run())
    yield standbys
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def settle(seconds: float = 0.0) -> None:
    for _ in range(30):
        await asyncio.sleep(seconds / 30)


async def test_a_standby_is_read_and_reads_on_from_where_it_was():
    changelogs = Changelogs()
    changelogs.shopper(3, b"anna", fence=1)
    async with reading(changelogs) as standbys:
        standbys.follow({3}, owned=set())
        await settle(1.2)
        changelogs.shopper(3, b"bob", fence=2)
        await settle(1.2)

        tail = await standbys.promote(3)

    assert changelogs.began == [(3, 0), (3, 2)]
    assert (tail.position, set(tail.restored.shoppers), tail.restored.meta.offset) == (4, {b"anna", b"bob"}, 3)
    assert standbys.promotions == 1
    assert not standbys.tails


async def test_a_partition_that_is_no_standby_any_more_is_dropped_and_begins_anew_when_it_comes_back():
    changelogs = Changelogs()
    changelogs.shopper(3, b"anna", fence=1)
    async with reading(changelogs) as standbys:
        standbys.follow({3}, owned=set())
        await settle(1.2)

        standbys.follow(set(), owned=set())
        assert not standbys.tails
        standbys.follow({3}, owned=set())
        await settle(1.2)

    assert changelogs.began == [(3, 0), (3, 0)]


async def test_what_was_never_a_standby_begins_at_the_beginning_and_is_no_promotion():
    standbys = Standbys(Changelogs().load, Changelogs().ends, nothing_on_disk)

    tail = await standbys.promote(3)

    assert (tail.position, len(tail.restored.shoppers), standbys.promotions) == (0, 0, 0)


async def test_a_standby_that_is_owned_now_waits_for_its_promotion_and_is_read_no_further():
    changelogs = Changelogs()
    changelogs.shopper(3, b"anna", fence=1)
    async with reading(changelogs) as standbys:
        standbys.follow({3}, owned=set())
        await settle(1.2)

        standbys.follow({4}, owned={3})
        changelogs.shopper(3, b"bob", fence=2)  # the new writer's
        await settle(1.2)

        assert changelogs.began == [(3, 0)]
        assert (await standbys.promote(3)).position == 2


async def test_a_promotion_lets_a_reading_under_way_come_to_its_end():
    changelogs = Changelogs()
    changelogs.may_read = asyncio.Semaphore(0)
    changelogs.shopper(3, b"anna", fence=1)
    async with reading(changelogs) as standbys:
        standbys.follow({3}, owned=set())
        await settle(0.1)
        standbys.follow(set(), owned={3})

        with standbys.held_back():
            promoting = asyncio.create_task(standbys.promote(3))
            await settle()
            assert not promoting.done()
            for _ in range(2):
                changelogs.may_read.release()
            tail = await asyncio.wait_for(promoting, 1)

    assert (tail.position, tail.restored.meta.offset) == (2, 2)
    assert changelogs.began == [(3, 0)]


async def test_a_promotion_that_is_given_up_lets_go_of_what_it_waited_for():
    changelogs = Changelogs()
    changelogs.may_read = asyncio.Semaphore(0)
    changelogs.shopper(3, b"anna", fence=1)
    async with reading(changelogs) as standbys:
        standbys.follow({3}, owned=set())
        await settle(0.1)
        tail = standbys.tails[3]
        standbys.follow(set(), owned={3})
        promoting = asyncio.create_task(standbys.promote(3))
        await settle()

        promoting.cancel()
        await asyncio.gather(promoting, return_exceptions=True)
        await settle()

        assert tail.reading is not None
        assert tail.reading.cancelled()
        assert not standbys.tails


async def test_owned_partitions_load_first_and_what_was_cut_off_is_right_after_the_next_reading():
    changelogs = Changelogs()
    changelogs.may_read = asyncio.Semaphore(1)
    changelogs.shopper(3, b"anna", fence=1)
    async with reading(changelogs) as standbys:
        standbys.follow({3}, owned=set())
        await settle(0.1)
        assert set(standbys.tails[3].restored.shoppers) == {b"anna"}, "the first of two records"

        with standbys.held_back():
            changelogs.may_read = asyncio.Semaphore(1 << 20)
            changelogs.shopper(3, b"anna", fence=7)
            await settle(1.2)
            assert changelogs.began == [(3, 0)]
        await settle(1.2)

        tail = await standbys.promote(3)

    assert changelogs.began == [(3, 0), (3, 0)]
    assert (tail.position, Shoppers(tail.restored.shoppers)[b"anna"].fence, tail.restored.meta.offset) == (4, 7, 8)


async def test_a_standby_that_has_not_read_for_half_of_what_deletions_are_kept_begins_anew():
    changelogs = Changelogs()
    changelogs.shopper(3, b"anna", fence=1)
    async with reading(changelogs) as standbys:
        standbys.follow({3}, owned=set())
        await settle(1.2)
        changelogs.now_s += STALE_S + 1

        tail = await standbys.promote(3)

    assert (tail.position, len(tail.restored.shoppers)) == (0, 0)


async def test_a_standby_that_is_at_the_end_does_not_grow_old():
    changelogs = Changelogs()
    changelogs.shopper(3, b"anna", fence=1)
    async with reading(changelogs) as standbys:
        standbys.follow({3}, owned=set())
        await settle(1.2)
        for _ in range(2):
            changelogs.now_s += STALE_S * 0.6
            await settle(1.2)

        assert (await standbys.promote(3)).position == 2


async def test_a_changelog_that_was_made_anew_is_read_from_its_beginning():
    changelogs = Changelogs()
    for fence in range(3):
        changelogs.shopper(3, b"anna", fence)
    async with reading(changelogs) as standbys:
        standbys.follow({3}, owned=set())
        await settle(1.2)
        changelogs.logs[3] = []
        changelogs.shopper(3, b"bob", fence=0)
        await settle(1.2)

        assert set((await standbys.promote(3)).restored.shoppers) == {b"bob"}


async def test_without_a_broker_standbys_wait_and_go_on():
    changelogs = Changelogs()
    changelogs.reachable = False
    changelogs.shopper(3, b"anna", fence=1)
    async with reading(changelogs) as standbys:
        standbys.follow({3}, owned=set())
        await settle(0.1)
        assert changelogs.began == []

        changelogs.reachable = True
        await settle(1.2)

        assert standbys.tails[3].position == 2


async def test_a_standby_that_cannot_be_read_is_left_out_and_the_others_go_on(caplog):
    changelogs = Changelogs()
    changelogs.logs[3] = [DAMAGED]
    changelogs.shopper(4, b"bob", fence=1)
    async with reading(changelogs) as standbys:
        standbys.follow({3, 4}, owned=set())
        await settle(1.2)

        assert standbys.tails.keys() == {4}
        assert (await standbys.promote(3)).position == 0
    assert "no standby of timeline partition 3 until the next rebalance" in caplog.text


async def test_the_lag_is_what_was_not_read_of_what_the_broker_has():
    changelogs = Changelogs()
    changelogs.may_read = asyncio.Semaphore(0)
    for fence in range(5):
        changelogs.shopper(3, b"anna", fence)
    async with reading(changelogs) as standbys:
        standbys.follow({3}, owned=set())
        await settle(0.1)

        assert standbys.tails[3].lag == 10

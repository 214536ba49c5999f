"""A worker is killed, and who held its standbys goes on from there, with the tail of the changelog alone."""

import asyncio
import re
import time
from typing import NamedTuple

import pytest

from tests.integration.whole_path.accounts import settled_accounts
from tests.integration.whole_path.shop_path import ShopPath
from tests.integration.whole_path.test_changing_workers import SPEED, share
from tests.integration.whole_path.worker_process import WorkerProcess

pytestmark = [pytest.mark.kafka, pytest.mark.triton]
TAKEN = re.compile(r"timeline partition (\d+): \d+ shoppers, (\d+) records from its (changelog|standby)")
STANDBY = re.compile(r"standby of timeline partition (\d+): \d+ shoppers from (\d+) records")
LIMIT_S = 60.0


class Taken(NamedTuple):
    """One line of a worker's log: a partition that it took over, and how many records it read for it, of what."""

    partition: int
    records: int
    source: str


async def test_a_killed_workers_partitions_go_on_from_their_standbys_with_the_tail_alone(open_path, short_log):
    async with open_path(standbys=1) as path, asyncio.TaskGroup() as tasks:
        first, second = await path.worker(), await path.worker()
        await path.joined(2)
        feeding = tasks.create_task(path.feed(short_log, SPEED))
        await path.reached(share(short_log, 0.6))
        read = await standbys_of(first, 2)

        await second.kill()
        await feeding
        await path.settled()

        promoted = taken(first)[-2:]
        assert {line.partition for line in promoted} == read.keys()
        assert {line.source for line in promoted} == {"standby"}
        for line in promoted:
            assert line.records < await whole(path, line.partition) / 2
        await path.checked()
        assert len((await settled_accounts(path)).read) == len(short_log)


async def test_without_standbys_the_whole_changelog_is_read(open_path, short_log):
    async with open_path(standbys=0) as path, asyncio.TaskGroup() as tasks:
        first, second = await path.worker(), await path.worker()
        await path.joined(2)
        feeding = tasks.create_task(path.feed(short_log, SPEED))
        await path.reached(share(short_log, 0.3))

        await second.kill()
        await feeding
        await path.settled()

        assert {line.source for line in taken(first)} == {"changelog"}
        assert not STANDBY.findall(first.said(1 << 20))
        await path.checked()


def taken(worker: WorkerProcess) -> list[Taken]:
    """What a worker has taken over so far, in that order."""
    return [Taken(int(number), int(records), how) for number, records, how in TAKEN.findall(worker.said(1 << 20))]


async def standbys_of(worker: WorkerProcess, count: int) -> dict[int, int]:
    """The partitions that a worker says to have read as standbys, once there are so many, with the records it read."""
    deadline = time.monotonic() + LIMIT_S
    while len(found := STANDBY.findall(worker.said(1 << 20))) < count:
        assert time.monotonic() < deadline, f"expected {count} standbys in {LIMIT_S:g} s; {worker.said()}"
        await asyncio.sleep(0.2)
    return {int(number): int(records) for number, records in found}


async def whole(path: ShopPath, partition: int) -> int:
    """How many records the changelog of a partition has now."""
    return sum(record.partition == partition for record in await path.read("shop.shoppers.changelog.v1"))

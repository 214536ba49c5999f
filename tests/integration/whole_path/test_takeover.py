"""A worker is killed, and who held its standbys goes on from there, with the tail of the changelog alone."""

import asyncio
import time

import pytest

from streams.embedded.ports import free_ports
from tests.integration.whole_path.accounts import settled_accounts
from tests.integration.whole_path.metrics import scraped
from tests.integration.whole_path.shop_path import ShopPath
from tests.integration.whole_path.takeovers import taken
from tests.integration.whole_path.test_changing_workers import SPEED, share

pytestmark = [pytest.mark.kafka, pytest.mark.triton]
LIMIT_S = 60.0
FEW = 500


async def test_a_killed_workers_partitions_go_on_from_their_standbys_with_the_tail_alone(open_path, short_log):
    async with open_path(standbys=1) as path, asyncio.TaskGroup() as tasks:
        (port,) = free_ports(1)
        first, second = await path.worker(metrics_port=port), await path.worker()
        await path.joined(2)
        feeding = tasks.create_task(path.feed(short_log, SPEED))
        await path.reached(share(short_log, 0.6))
        held = await standbys_of(port, 2)

        await second.kill()
        await feeding
        await path.settled()

        promoted = taken(first)[-2:]
        assert {line.partition for line in promoted} == held
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
        await path.checked()


async def standbys_of(port: int, count: int) -> set[int]:
    """The partitions that a worker holds standbys of, once it has read so many."""
    deadline = time.monotonic() + LIMIT_S
    while True:
        lags = {name: lag for name, lag in (await scraped(port)).items() if name.startswith("kairos_standby_lag")}
        if len(lags) == count and all(0 <= lag < FEW for lag in lags.values()):
            return {int(name.rpartition("=")[2]) for name in lags}
        assert time.monotonic() < deadline, f"expected {count} standbys in {LIMIT_S:g} s, found {lags}"
        await asyncio.sleep(0.2)


async def whole(path: ShopPath, partition: int) -> int:
    """How many records the changelog of a partition has now."""
    return sum(record.partition == partition for record in await path.read("shop.shoppers.changelog.v1"))

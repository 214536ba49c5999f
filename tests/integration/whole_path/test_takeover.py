"""A worker is killed, and who held its standbys goes on from there, with the tail of the changelog alone."""

import asyncio
import time

import pytest

from streams.embedded.ports import free_ports
from streams.standbys import TAIL_EVERY_S
from tests.integration.whole_path.accounts import settled_accounts
from tests.integration.whole_path.metrics import scraped
from tests.integration.whole_path.shop_path import ShopPath
from tests.integration.whole_path.takeovers import owns, taken
from tests.integration.whole_path.test_changing_workers import SPEED, share

pytestmark = [pytest.mark.kafka, pytest.mark.triton]
LIMIT_S = 60.0
AT_THE_END = 3


@pytest.mark.parametrize("in_memory", [0, 1_000])
async def test_a_killed_workers_partitions_go_on_from_their_standbys_with_the_tail_alone(
    open_path, short_log, tmp_path, in_memory
):
    """With shoppers in memory alone, and with a disk of its own for each worker."""
    settings = {"standbys": 1, "commit_every_s": 0.2, "shoppers_in_memory": in_memory}
    async with open_path(**settings) as path, asyncio.TaskGroup() as tasks:
        (port,) = free_ports(1)
        first, second = await path.worker(metrics_port=port, data_dir=str(tmp_path / "first")), await path.worker()
        await path.joined(2)
        feeding = tasks.create_task(path.feed(short_log, SPEED))
        await path.reached(share(short_log, 0.6))
        held = await standbys_of(path, port, 2)
        before = len(taken(first))

        await second.kill()
        await owns(first, before + 2)
        await feeding
        await path.settled()

        promoted = taken(first)[-2:]
        assert {line.partition for line in promoted} == held
        assert {line.source for line in promoted} == {"standby"}
        for line in promoted:
            assert line.records < await whole(path, line.partition) / 2, promoted
        await path.checked()
        assert len((await settled_accounts(path)).read) == len(short_log)


async def test_without_standbys_the_whole_changelog_is_read(open_path, short_log):
    async with open_path(standbys=0, shoppers_in_memory=0) as path, asyncio.TaskGroup() as tasks:
        first, second = await path.worker(), await path.worker()
        await path.joined(2)
        feeding = tasks.create_task(path.feed(short_log, SPEED))
        await path.reached(share(short_log, 0.3))
        before = len(taken(first))

        await second.kill()
        await owns(first, before + 2)
        await feeding
        await path.settled()

        assert {line.source for line in taken(first)} == {"changelog"}
        await path.checked()


async def standbys_of(path: ShopPath, port: int, count: int) -> set[int]:
    """The partitions that a worker holds standbys of, once it has read so many, and none of them is empty."""
    deadline, seen = time.monotonic() + LIMIT_S, 0
    while True:
        lags = {name: lag for name, lag in (await scraped(port)).items() if name.startswith("kairos_standby_lag")}
        held = {int(name.rpartition("=")[2]) for name in lags}
        empty = [number for number in held if not await whole(path, number)]
        seen = seen + 1 if len(held) == count and not empty and not any(lags.values()) else 0
        if seen == AT_THE_END:
            return held
        assert time.monotonic() < deadline, f"expected {count} standbys in {LIMIT_S:g} s, found {lags}, empty {empty}"
        await asyncio.sleep(TAIL_EVERY_S)


async def whole(path: ShopPath, partition: int) -> int:
    """How many records the changelog of a partition has now."""
    return sum(record.partition == partition for record in await path.read("shop.shoppers.changelog.v1"))

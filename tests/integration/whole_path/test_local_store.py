"""A worker comes back to its disk: it reads the tail of the changelog only, and never believes a disk that is wrong."""

import asyncio
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from streams.feed import Arrival
from tests.integration.whole_path.shop_path import ShopPath
from tests.integration.whole_path.worker_process import WorkerProcess

pytestmark = [pytest.mark.kafka, pytest.mark.triton]
FEW = 20
"""So few shoppers in memory, of 250: most of them live on disk and come and go."""
RESTORED = re.compile(r"partition (\d+): (\d+) changelog records from offset (\d+) on \((\w+)\)")


class Restored(NamedTuple):
    """What a worker said about a partition that it took over."""

    partition: int
    records: int
    start: int
    begun: str


def restored(worker: WorkerProcess) -> list[Restored]:
    said = RESTORED.findall(worker.log.read_text())
    return [Restored(int(number), int(records), int(start), begun) for number, records, start, begun in said]


async def stopped_half_way(path: ShopPath, log: list[Arrival]) -> None:
    """Half of the log is fed, stepped, committed and stored; the worker has ended in good order."""
    worker = await path.worker()
    await path.joined(1)
    await path.feed(log[: len(log) // 2], run_on_ms=0)
    await path.settled()
    assert await worker.terminate() == 0


async def gone_on(path: ShopPath, log: list[Arrival]) -> list[Restored]:
    """A new worker takes the rest of the log; the state is that of a run without restarts and disks."""
    worker = await path.worker()
    await path.feed(log[len(log) // 2 :])
    await path.settled()
    await path.checked()
    return restored(worker)


async def test_a_restart_reads_the_tail_only_and_a_kill_little_more(open_path, short_log):
    async with open_path(shoppers_in_memory=FEW) as path:
        await stopped_half_way(path, short_log)
        written = len(await path.read("shop.shoppers.changelog.v1"))

        again = await path.worker()
        await path.joined(1)
        await taken_over(again, path)
        stopped = restored(again)
        await again.kill()
        killed = await gone_on(path, short_log)

    for found in (stopped, killed):
        assert {part.begun for part in found} == {"snapshot"}
        assert sum(part.records for part in found) < written / 2, (found, written)


def wiped(folder: Path) -> None:
    shutil.rmtree(folder)


def damaged(folder: Path) -> None:
    for table in folder.rglob("*.sst"):
        bad = bytearray(table.read_bytes())
        for at in range(0, len(bad), 50):
            bad[at] ^= 0xFF
        table.write_bytes(bad)


@pytest.mark.parametrize("harm", [wiped, damaged])
async def test_a_disk_that_was_wiped_or_damaged_is_rebuilt(open_path, short_log, harm: Callable[[Path], None]):
    async with open_path(shoppers_in_memory=FEW) as path:
        await stopped_half_way(path, short_log)

        harm(Path(path.settings.data_dir) / "shoppers")

        assert {part.begun for part in await gone_on(path, short_log)} == {"changelog"}


async def test_an_older_store_reads_more_of_the_tail_and_knows_the_same(open_path, short_log, tmp_path):
    async with open_path(shoppers_in_memory=FEW) as path:
        await stopped_half_way(path, short_log[: len(short_log) // 2])
        older, data = tmp_path / "older", Path(path.settings.data_dir)
        shutil.copytree(data, older)
        worker = await path.worker()
        await path.feed(short_log[len(short_log) // 4 : len(short_log) // 2], run_on_ms=0)
        await path.settled()
        await worker.terminate()

        shutil.rmtree(data)
        shutil.copytree(older, data)

        assert {part.begun for part in await gone_on(path, short_log)} == {"snapshot"}


async def test_the_store_of_other_topics_is_thrown_away(open_path, short_log):
    async with open_path(shoppers_in_memory=FEW) as first:
        await stopped_half_way(first, short_log)
        same = {"app_id": first.settings.app_id, "topic_prefix": f"{first.settings.app_id}-anew."}
        async with open_path(shoppers_in_memory=FEW, **same) as second:
            await second.worker()
            await second.joined(1)
            await second.feed(short_log)
            await second.settled()

            await second.checked()
            assert {part.begun for part in restored(second.workers[0])} == {"changelog"}


async def taken_over(worker: WorkerProcess, path: ShopPath) -> None:
    deadline = time.monotonic() + 60
    while len(restored(worker)) < path.settings.timeline_partitions:
        assert time.monotonic() < deadline, worker.said()
        await asyncio.sleep(0.1)

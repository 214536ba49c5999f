"""Blocks while workers come and go, on a real Apache Kafka."""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.transport_cluster import Cluster, Worker, numbered, until

pytestmark = [pytest.mark.kafka]
PARTITIONS = 4


@pytest.fixture
async def cluster(kafka: str, tmp_path: Path) -> AsyncIterator[Cluster]:
    async with Cluster(kafka, tmp_path) as cluster:
        await cluster.create(partitions=PARTITIONS)
        yield cluster


async def all_seen(workers: list[Worker], expected: set[bytes]) -> Counter[bytes]:
    """How often each value was seen, once all that are expected were."""
    await until(lambda: expected <= {value for worker in workers for value in worker.seen})
    return Counter(value for worker in workers for value in worker.seen)


async def test_blocks_of_an_older_generation_are_stale_and_commit_nothing(cluster: Cluster) -> None:
    for partition in range(PARTITIONS):
        await cluster.append(numbered(0, 5), partition=partition)
    first = await cluster.worker("hold")
    await first.has_seen(5 * PARTITIONS)

    second = await cluster.worker("hold")
    told = await first.tells("stale")

    assert told["stale"]
    assert all(told["stale"])
    assert not told["now"]
    await second.has_seen(5)
    assert [await cluster.committed(partition) for partition in range(PARTITIONS)] == [None] * PARTITIONS


@pytest.mark.parametrize("leaving", [signal.SIGTERM, signal.SIGKILL])
async def test_a_worker_that_joins_and_leaves_loses_nothing(cluster: Cluster, leaving: signal.Signals) -> None:
    async def feed() -> None:
        for start in range(0, 2_000, 20):
            values = [b"%d/%d" % (start // 20 % PARTITIONS, number) for number in range(start, start + 20)]
            await cluster.append(values, partition=start // 20 % PARTITIONS)
            await asyncio.sleep(0.05)

    expected = {b"%d/%d" % (number // 20 % PARTITIONS, number) for number in range(2_000)}
    first = await cluster.worker("steady")
    await first.tells("assigned")
    feeding = asyncio.create_task(feed())
    second = await cluster.worker("steady")
    assert len((await second.tells("assigned"))["assigned"]) == PARTITIONS // 2
    await second.has_seen(100)
    second.send_signal(leaving)
    await second.ends(limit_s=10)
    await feeding

    seen = await all_seen([first, second], expected)

    assert seen.keys() == expected
    for partition in range(PARTITIONS):
        await cluster.committed_reaches(500, partition)
    if leaving is signal.SIGTERM:
        assert set(seen.values()) == {1}


async def test_a_worker_without_partitions_takes_over_when_the_owner_goes(kafka: str, tmp_path: Path) -> None:
    async with Cluster(kafka, tmp_path) as cluster:
        await cluster.create(partitions=1)
        await cluster.append(numbered(0, 5))
        first = await cluster.worker("steady")
        await first.has_seen(5)
        second = await cluster.worker("steady")
        await second.tells("assigned")
        owner = first if len((await first.tells("assigned"))["assigned"]) else second
        owner.send_signal(signal.SIGTERM)
        code, said = await owner.ends(limit_s=10)
        assert code == 0, said

        await cluster.append(numbered(5, 8))

        await all_seen([first, second], set(numbered(0, 8)))
        await cluster.committed_reaches(8)

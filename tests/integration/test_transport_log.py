"""Transactions, gates, offsets committed elsewhere, and appends, on a real Apache Kafka."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from streams.embedded.ports import free_ports
from streams.exit_codes import ExitCode
from tests.integration.transport_cluster import Cluster, numbered

pytestmark = [pytest.mark.kafka]


@pytest.fixture
async def cluster(kafka: str, tmp_path: Path) -> AsyncIterator[Cluster]:
    async with Cluster(kafka, tmp_path) as cluster:
        await cluster.create()
        yield cluster


async def test_aborted_transactions_are_invisible_and_their_offsets_are_passed(cluster: Cluster) -> None:
    await cluster.append(numbered(0, 3))
    await cluster.transact([b"aborted"] * 5, commit=False)
    await cluster.transact(numbered(3, 6), commit=True)
    await cluster.append(numbered(6, 8))
    await cluster.transact([b"aborted"] * 2, commit=False)

    worker = await cluster.worker("steady")

    assert await worker.has_seen(8) == numbered(0, 8)
    await cluster.committed_reaches(await cluster.end())
    await worker.ask(positions=True)
    told = await worker.tells("position")
    assert told["position"] == told["durable"] == await cluster.end()
    assert worker.seen == numbered(0, 8)


async def test_aborted_transactions_that_are_cut_into_many_polls_stay_invisible(cluster: Cluster) -> None:
    for number in range(10):
        await cluster.transact([b"aborted"] * 3, commit=False)
        await cluster.transact([b"%d" % number], commit=True)

    worker = await cluster.worker("steady", settings={"broker_max_poll_records": 1})

    assert await worker.has_seen(10) == numbered(0, 10)
    await cluster.committed_reaches(await cluster.end())


async def test_a_gated_partition_is_read_only_when_opened_and_from_there(cluster: Cluster) -> None:
    await cluster.append(numbered(0, 5), numbered(5, 20))
    worker = await cluster.worker("steady", options={"gated": [cluster.topic]})
    await worker.tells("assigned")
    await cluster.append([b"20"])
    await worker.ask(ends=cluster.topic, timeout_s=5)
    assert (await worker.tells("ends"))["ends"] == [21]
    assert worker.seen == []

    await worker.ask(open=7)
    assert (await worker.tells("opened"))["opened"]
    assert await worker.has_seen(14) == numbered(7, 21)
    await cluster.committed_reaches(21)

    await worker.ask(close=True)
    await worker.tells("closed")
    await cluster.append([b"21"])
    await worker.ask(positions=True)
    assert (await worker.tells("position"))["durable"] is None
    await worker.ask(open=19)
    assert await worker.has_seen(17) == [*numbered(7, 21), *numbered(19, 22)]


async def test_a_topic_committed_elsewhere_is_never_committed_by_the_transport(cluster: Cluster) -> None:
    await cluster.append(numbered(0, 5))
    options = {"gated": [cluster.topic], "committed_elsewhere": [cluster.topic]}
    worker = await cluster.worker("steady", options=options)
    await worker.tells("assigned")

    await worker.ask(open=0)
    await worker.has_seen(5)
    await worker.ask(ends=cluster.topic, timeout_s=5)
    await worker.tells("ends")

    assert await cluster.committed() is None


async def test_appends_land_in_the_order_of_the_calls(cluster: Cluster) -> None:
    await cluster.create(topic=f"{cluster.topic}-out")
    worker = await cluster.worker("steady")
    await worker.tells("assigned")

    await worker.ask(send=f"{cluster.topic}-out", sizes=[10] * 100)

    assert (await worker.tells("sent"))["sent"] == 100
    assert await cluster.values(f"{cluster.topic}-out") == numbered(0, 100)


async def test_after_a_failed_append_the_process_ends_and_nothing_later_lands(cluster: Cluster) -> None:
    out = f"{cluster.topic}-out"
    await cluster.create(topic=out, **{"max.message.bytes": "1000"})
    worker = await cluster.worker("steady", settings={"producer_compression_type": None})
    await worker.tells("assigned")

    await worker.ask(send=out, sizes=[10, 10, 5_000, 10, 10, 10, 10, 10])
    code, said = await worker.ends()

    assert code == ExitCode.INTERNAL
    assert "MessageSizeTooLarge" in said
    assert await cluster.values(out) == numbered(0, 2)


async def test_without_a_broker_the_process_ends_and_says_so(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    async with Cluster(f"127.0.0.1:{port}", tmp_path) as nowhere:
        worker = await nowhere.worker("steady")

        code, said = await worker.ends()

    assert code == ExitCode.UNAVAILABLE
    assert f"127.0.0.1:{port}" in said

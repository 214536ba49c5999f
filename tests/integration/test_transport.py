"""The traps of FAUST.md that touch the way of a block (named D1 to D14 there), on a real Apache Kafka."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from streams.exit_codes import ExitCode
from tests.integration.transport_cluster import Cluster, numbered, until

pytestmark = [pytest.mark.kafka]


@pytest.fixture
async def cluster(kafka: str, tmp_path: Path) -> AsyncIterator[Cluster]:
    async with Cluster(kafka, tmp_path) as cluster:
        await cluster.create()
        yield cluster


async def test_d1_an_exception_in_an_agent_commits_nothing_of_its_block_and_ends_the_process(cluster: Cluster) -> None:
    await cluster.append(numbered(0, 10))
    worker = await cluster.worker("raising")
    await worker.has_seen(10)
    await cluster.append([b"bad"], numbered(11, 20))

    code, said = await worker.ends()

    assert code == ExitCode.INTERNAL
    assert "agent raising failed: ValueError: the bad record" in said
    assert await cluster.committed() == 10
    assert b"11" not in worker.seen or b"bad" in worker.seen
    successor = await cluster.worker("steady")
    assert await successor.has_seen(10) == [b"bad", *numbered(11, 20)]


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
async def test_d2_what_is_in_flight_at_the_end_of_the_process_is_not_committed(
    cluster: Cluster, ending: signal.Signals
) -> None:
    await cluster.append(numbered(0, 5))
    worker = await cluster.worker("stuck")
    await worker.has_seen(5)
    await cluster.append([b"stuck"], numbered(6, 9))
    await worker.has_seen(6)
    await cluster.committed_reaches(5)

    worker.send_signal(ending)
    code, _ = await worker.ends(limit_s=10)

    assert code == (0 if ending is signal.SIGTERM else -9)
    assert await cluster.committed() == 5


async def test_d2_a_crash_of_the_app_ends_the_process_and_commits_nothing_in_flight(cluster: Cluster) -> None:
    await cluster.append(numbered(0, 5))
    worker = await cluster.worker("stuck")
    await worker.has_seen(5)
    await cluster.append([b"stuck"])
    await worker.has_seen(6)
    await cluster.committed_reaches(5)

    await worker.ask(fail=True)
    code, said = await worker.ends(limit_s=10)

    assert code == ExitCode.INTERNAL
    assert "RuntimeError: a task of the app failed" in said
    assert await cluster.committed() == 5


async def test_d3_blocks_that_become_durable_out_of_order_are_never_committed_past_an_earlier_one(
    cluster: Cluster,
) -> None:
    await cluster.append(numbered(0, 3))
    worker = await cluster.worker("late_first", drain="finish")
    await worker.has_seen(3)
    await cluster.committed_reaches(3)
    await cluster.append([b"late"])
    await worker.has_seen(4)
    await cluster.append(numbered(4, 6), numbered(6, 9))
    await worker.has_seen(9)
    await asyncio.sleep(1)
    assert await cluster.committed() == 3

    worker.send_signal(signal.SIGTERM)
    assert (await worker.ends(limit_s=10))[0] == 0

    assert await cluster.committed() == 9


async def test_d5_exactly_once_of_faust_is_refused(cluster: Cluster) -> None:
    worker = await cluster.worker("steady", settings={"processing_guarantee": "exactly_once"})

    code, said = await worker.ends()

    assert code == ExitCode.BAD_CONFIGURATION
    assert "faust_settings()" in said


async def test_d6_a_request_for_offsets_that_is_never_answered_wedges_nothing(cluster: Cluster) -> None:
    worker = await cluster.worker("steady")
    await worker.tells("assigned")
    for _ in range(3):
        await worker.ask(ends="no-such-topic", timeout_s=1.5)

    await cluster.append(numbered(0, 5))
    await worker.has_seen(5, limit_s=4)
    await cluster.committed_reaches(5)

    assert [(await worker.tells("ends"))["ends"] for _ in range(3)] == ["timeout"] * 3
    await worker.ask(ends=cluster.topic, timeout_s=5)
    assert (await worker.tells("ends"))["ends"] == [5]


async def test_d7_poison_reaches_the_agent_as_the_bytes_it_is(cluster: Cluster) -> None:
    poison = [b"\xff\xfe{", b"", b"\x00" * 9, b"null"]
    await cluster.append(poison, [b"fine"])

    worker = await cluster.worker("steady")

    assert await worker.has_seen(5) == [*poison, b"fine"]
    await cluster.committed_reaches(5)


async def test_d8_back_pressure_loses_nothing_and_holds_its_limit(cluster: Cluster) -> None:
    await cluster.append(*[numbered(start, start + 10) for start in range(0, 1_000, 10)])
    small = {"max_queued_records": 30, "pace_ms": 1}
    worker = await cluster.worker("slow", options=small, settings={"broker_max_poll_records": 10})
    await worker.has_seen(200)
    await cluster.append(numbered(1_000, 1_010))

    assert await worker.has_seen(1_010) == numbered(0, 1_010)
    await cluster.committed_reaches(1_010)
    assert 30 <= max(line.get("queued", 0) for line in worker.lines) <= 30 + 10


async def test_d8_the_limit_in_bytes_holds_too(cluster: Cluster) -> None:
    await cluster.append(*[[b"%04d" % number * 250] for number in range(100)])
    small = {"max_queued_bytes": 5_000, "pace_ms": 1}
    worker = await cluster.worker("slow", options=small, settings={"broker_max_poll_records": 1})

    assert await worker.has_seen(100) == [b"%04d" % number * 250 for number in range(100)]
    assert 5 <= max(line.get("queued", 0) for line in worker.lines) <= 5 + 1


async def test_d9_a_drain_that_never_ends_holds_a_rebalance_up_for_its_limit_only(kafka: str, tmp_path: Path) -> None:
    async with Cluster(kafka, tmp_path) as cluster:
        await cluster.create(partitions=2)
        for partition in range(2):
            await cluster.append(numbered(0, 3), [b"stuck"], partition=partition)
        first = await cluster.worker("stuck", drain="for ever")
        await first.tells("assigned")
        await first.has_seen(4)

        second = await cluster.worker("steady")
        await first.tells("draining")
        began = time.monotonic()
        assigned = await second.tells("assigned")

        assert len(assigned["assigned"]) == 1
        assert time.monotonic() - began < 10
        assert await second.has_seen(1) != []


async def test_d12_a_rebalance_with_an_unchanged_assignment_reads_again_only_what_was_not_durable(
    kafka: str, tmp_path: Path
) -> None:
    async with Cluster(kafka, tmp_path) as cluster:
        await cluster.create(partitions=1)
        await cluster.append(numbered(0, 300))
        first = await cluster.worker("steady")
        await first.has_seen(300)

        second = await cluster.worker("steady")
        await first.tells("draining")
        await second.tells("assigned")
        await cluster.append([b"300"])

        await until(lambda: len(first.seen) + len(second.seen) >= 301)
        assert sorted(map(int, first.seen + second.seen)) == list(range(301))

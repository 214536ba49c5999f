"""The writer against a real Apache Kafka: what readers see, whoever dies."""

import asyncio
import random
import sys

import pytest
from aiokafka import TopicPartition

from streams.exit_codes import ExitCode
from streams.table.transactions import Fenced, Output, TransactionFailed, partition_of
from tests.streams.table.real_kafka import (
    TINY_BYTES,
    load,
    loading,
    new_partition,
    new_topic,
    records,
    seen,
    until_written,
    writing,
)

pytestmark = pytest.mark.kafka

CRASHING_OWNER = """
import asyncio, sys
from aiokafka import AIOKafkaProducer

async def main(bootstrap, transactional_id, topic):
    owner = AIOKafkaProducer(
        bootstrap_servers=bootstrap, transactional_id=transactional_id, transaction_timeout_ms=600_000
    )
    await owner.start()
    await owner.begin_transaction()
    for number in range(3):
        await owner.send_and_wait(topic, b"half done", b"ghost-%d" % number, partition=0)
    print("open", flush=True)
    await asyncio.sleep(600)

asyncio.run(main(*sys.argv[1:]))
"""


def filler(count: int, size: int = 2_000) -> list[tuple[bytes, bytes | None]]:
    """Records that do not compress."""
    chance = random.Random(7)
    return [(b"filler-%d" % number, chance.randbytes(size)) for number in range(count)]


async def test_changelog_outputs_and_offset_are_seen_together(kafka: str) -> None:
    owned, nudges = await new_partition(kafka), await new_topic(kafka, partitions=3)
    headers = [("ce_id", b"1"), ("ce_type", b"nudge")]
    timeline = TopicPartition(owned.timeline, 0)

    async with writing(kafka, owned) as writer, loading(kafka, owned) as loader:
        before = await loader.committed(owned.app_id, timeline)
        outputs = [Output(nudges, b"anna", b"nudge", headers), Output(nudges, b"berta", b"nudge")]
        await writer.write([(b"anna", b"1"), (b"berta", None)], outputs, 42)
        async with writing(kafka, owned):
            after = await loader.committed(owned.app_id, timeline)

    assert await seen(kafka, owned.changelog) == [(b"anna", b"1"), (b"berta", None)]
    assert (before, after) == (None, 42)
    (found,) = [one for one in await records(kafka, nudges, partition_of(b"anna", 3)) if one.key == b"anna"]
    assert (found.value, list(found.headers)) == (b"nudge", headers)
    assert (b"berta", b"nudge") in await seen(kafka, nudges, partition_of(b"berta", 3))


async def test_an_emit_without_an_offset_leaves_the_committed_offset_alone(kafka: str) -> None:
    owned = await new_partition(kafka)

    async with writing(kafka, owned) as writer, loading(kafka, owned) as loader:
        await writer.write([(b"anna", b"1")], [], 42)
        await writer.write([(b"anna", b"2")], [], None)
        async with writing(kafka, owned):
            committed = await loader.committed(owned.app_id, TopicPartition(owned.timeline, 0))

    assert committed == 42
    assert await seen(kafka, owned.changelog) == [(b"anna", b"1"), (b"anna", b"2")]


async def test_a_transaction_of_many_batches_arrives_whole_and_in_order(kafka: str) -> None:
    owned, changelog = await new_partition(kafka), filler(5_000)

    async with writing(kafka, owned) as writer:
        await writer.write(changelog, [], 5_000)

    assert await seen(kafka, owned.changelog) == changelog


async def test_of_a_failed_transaction_nothing_is_seen_and_the_writer_is_spent(kafka: str) -> None:
    owned, nudges = await new_partition(kafka), await new_topic(kafka, tiny=True)
    refused = Output(nudges, b"anna", random.Random(1).randbytes(2 * TINY_BYTES))

    async with writing(kafka, owned) as writer:
        with pytest.raises(TransactionFailed, match=f"{owned.app_id}-0 to write 1 changelog records and 1 outputs"):
            await writer.write([(b"anna", b"1")], [refused], 42)
        with pytest.raises(TransactionFailed, match="none after a failed one"):
            await writer.write([(b"anna", b"2")], [], 43)

    assert await seen(kafka, owned.changelog) == []
    assert await seen(kafka, owned.changelog, isolation="read_uncommitted") == [(b"anna", b"1")]
    async with loading(kafka, owned) as loader:
        assert await loader.committed(owned.app_id, TopicPartition(owned.timeline, 0)) is None


async def test_an_older_owner_is_fenced_and_nothing_of_it_is_seen(kafka: str) -> None:
    owned, nudges = await new_partition(kafka), await new_topic(kafka)

    async with writing(kafka, owned) as zombie:
        await zombie.write([(b"anna", b"1")], [], 1)
        async with writing(kafka, owned) as owner:
            with pytest.raises(Fenced, match="another worker owns it now") as fenced:
                await zombie.write([(b"anna", b"zombie")], [Output(nudges, b"anna", b"zombie")], 2)
            await owner.write([(b"anna", b"2")], [], 2)

    assert fenced.value.exit_code == ExitCode.FENCED
    assert await seen(kafka, owned.changelog) == [(b"anna", b"1"), (b"anna", b"2")]
    assert await seen(kafka, nudges, partition_of(b"anna", 3)) == []


async def test_an_owner_fenced_in_the_middle_of_a_transaction_commits_none_of_it(kafka: str) -> None:
    owned = await new_partition(kafka)

    async with writing(kafka, owned) as zombie:
        writes = asyncio.create_task(zombie.write(filler(30_000), [], 30_000))
        await until_written(kafka, owned.changelog)
        async with writing(kafka, owned) as owner:
            with pytest.raises(Fenced):
                await writes
            await owner.write([(b"anna", b"1")], [], 1)

    assert await seen(kafka, owned.changelog) == [(b"anna", b"1")]


async def test_owners_of_other_partitions_are_not_fenced(kafka: str) -> None:
    owned = await new_partition(kafka)

    async with writing(kafka, owned) as first, writing(kafka, owned._replace(partition=1)) as second:
        await asyncio.gather(first.write([(b"anna", b"1")], [], 1), second.write([(b"berta", b"2")], [], 2))

    assert await seen(kafka, owned.changelog, 0) == [(b"anna", b"1")]
    assert await seen(kafka, owned.changelog, 1) == [(b"berta", b"2")]


async def test_what_a_killed_owner_left_open_is_aborted_by_the_next_one_at_once(kafka: str) -> None:
    owned = await new_partition(kafka)
    async with writing(kafka, owned) as first:
        await first.write([(b"anna", b"1")], [], 1)
    command = [sys.executable, "-c", CRASHING_OWNER, kafka, owned.transactional_id, owned.changelog]
    crashing = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert crashing.stdout is not None
    assert await asyncio.wait_for(crashing.stdout.readline(), 30) == b"open\n"
    crashing.kill()
    await crashing.wait()

    async with asyncio.timeout(10), writing(kafka, owned), loading(kafka, owned) as loader:
        loaded: list[tuple[bytes, bytes | None]] = []
        end = (await loader.load(0, lambda key, value: loaded.append((key, value)))).offset_end
        committed = await loader.committed(owned.app_id, TopicPartition(owned.timeline, 0))

    assert loaded == [(b"anna", b"1")]
    assert (end, committed) == (6, 1)  # a record and its marker, three of the ghost and theirs


async def test_a_write_that_was_cancelled_is_aborted_by_stop(kafka: str) -> None:
    owned = await new_partition(kafka)

    async with writing(kafka, owned) as writer:
        writes = asyncio.create_task(writer.write(filler(30_000), [], 30_000))
        await until_written(kafka, owned.changelog)
        writes.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writes

    async with asyncio.timeout(5), loading(kafka, owned) as loader:  # long before the transaction would time out
        end = (await loader.load(0, lambda *_: None)).offset_end
    assert end == len(await records(kafka, owned.changelog, isolation="read_uncommitted")) + 1  # the marker
    assert await seen(kafka, owned.changelog) == []


async def test_two_writes_at_a_time_are_refused(kafka: str) -> None:
    owned = await new_partition(kafka)

    async with writing(kafka, owned) as writer:
        first = asyncio.create_task(writer.write([(b"anna", b"1")], [], 1))
        await asyncio.sleep(0)
        with pytest.raises(TransactionFailed, match="one transaction at a time"):
            await writer.write([(b"anna", b"2")], [], 2)
        await first

    assert await seen(kafka, owned.changelog) == [(b"anna", b"1")]


async def test_a_write_of_nothing_asks_nothing_of_the_broker(kafka: str) -> None:
    owned = await new_partition(kafka)

    async with writing(kafka, owned) as writer:
        await writer.write([], [], None)

    assert await records(kafka, owned.changelog, isolation="read_uncommitted") == []


async def test_without_transactions_everything_is_sent_all_the_same(kafka: str) -> None:
    owned, nudges = await new_partition(kafka), await new_topic(kafka)

    async with writing(kafka, owned, transactions=False) as writer:
        for number in (b"1", b"2"):
            await writer.write([(b"anna", number)], [Output(nudges, b"anna", number)], 42)

    assert await seen(kafka, owned.changelog) == [(b"anna", b"1"), (b"anna", b"2")]
    assert await seen(kafka, nudges, partition_of(b"anna", 3)) == [(b"anna", b"1"), (b"anna", b"2")]


async def test_without_transactions_the_embedded_broker_takes_it_and_gives_it_back(embedded_broker: str) -> None:
    owned, nudges = await new_partition(embedded_broker), await new_topic(embedded_broker)

    async with writing(embedded_broker, owned, transactions=False) as writer:
        await writer.write([(b"anna", b"1")], [Output(nudges, b"anna", b"nudge", [("ce_id", b"1")])], 42)
        await writer.write([(b"anna", None)], [], 43)

    loaded, found = await load(embedded_broker, owned)
    assert (loaded.records, found) == (2, [(b"anna", b"1"), (b"anna", None)])

"""Trap D4 of FAUST.md on a real Apache Kafka: offsets that are committed before what came of the records is stored.

Faust gives up flushing after 0.1 s and only logs a send that failed, and commits all the same. Here an input offset
waits for the acknowledgement of the timeline, and a timeline offset stands in the transaction of its changelog.
"""

import asyncio
import contextlib
import json
import random
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from schemas.timeline import decode_entry
from streams.embedded.apache_kafka import ApacheKafka
from streams.exit_codes import ExitCode
from streams.table.transactions import Output, TransactionFailed
from tests.integration.transport_cluster import ROOT, Cluster
from tests.kafka_providers import brokers_of_its_own
from tests.streams.table.real_kafka import TINY_BYTES, load, loading, new_partition, new_topic, seen, writing

pytestmark = [pytest.mark.kafka]

OWNER = """
import asyncio, sys
from streams.table.transactions import Output, Owned, PartitionWriter

async def main(bootstrap, nudges, start, *owned):
    owner = PartitionWriter({"bootstrap_servers": bootstrap}, Owned(owned[0], 0, *owned[1:]))
    await owner.start()
    print("started", flush=True)
    for offset in range(int(start), 10**6):
        key = b"%d" % offset
        await owner.write([(key, bytes(2_000))], [Output(nudges, key, b"nudge")], offset + 1)

asyncio.run(main(*sys.argv[1:]))
"""


def views(start: int, stop: int) -> list[bytes]:
    """Product views; their ids are told apart by the number."""
    event = {"event": "Product Viewed", "userId": "ann", "timestamp": time.time_ns() // 1_000_000}
    event |= {"properties": {"product_id": "mug"}}
    return [json.dumps(event | {"messageId": f"m{n}"}).encode() for n in range(start, stop)]


async def message_ids(cluster: Cluster) -> list[str]:
    """The events in the timeline, in log order."""
    entries = [decode_entry(value) for _, value in await seen(cluster.bootstrap, f"{cluster.topic}-timeline") if value]
    return [entry.detail.message_id for entry in entries if entry is not None]


async def test_d4_what_the_timeline_did_not_take_is_not_committed_and_ends_the_process(
    kafka: str, tmp_path: Path
) -> None:
    async with Cluster(kafka, tmp_path) as cluster:
        await cluster.create()
        await cluster.create(topic=f"{cluster.topic}-timeline", **{"max.message.bytes": "2000"})
        await cluster.append(views(0, 5))
        worker = await cluster.worker("ingesting", settings={"producer_compression_type": None})
        await worker.has_seen(5)
        await cluster.committed_reaches(5)

        await cluster.append(views(5, 50))
        code, said = await worker.ends()

        assert code == ExitCode.INTERNAL
        assert "MessageSizeTooLarge" in said
        assert await cluster.committed() == 5
        assert await message_ids(cluster) == [f"m{n}" for n in range(5)]


@brokers_of_its_own
async def test_d4_input_offsets_wait_for_the_timeline_however_long_its_broker_is_away(tmp_path: Path) -> None:
    """The last commit of a worker that is told to stop is where stock Faust passes what it has not stored."""
    async with three_brokers() as brokers, Cluster(brokers.bootstrap, tmp_path) as cluster:
        await place(brokers.bootstrap, {cluster.topic: [1, 2], f"{cluster.topic}-timeline": [3]})
        await cluster.append(views(0, 5))
        worker = await cluster.worker("ingesting")
        await worker.has_seen(5)
        await cluster.committed_reaches(5)

        await asyncio.to_thread(brokers.stop_broker, 2, hard=True)
        await cluster.append(views(5, 9))
        await worker.has_seen(9)
        worker.send_signal(signal.SIGTERM)
        await worker.ends()

        assert await cluster.committed() == 5
        await asyncio.to_thread(brokers.start_broker, 2)
        await cluster.worker("ingesting")
        await cluster.committed_reaches(9)
        assert await message_ids(cluster) == [f"m{n}" for n in range(9)]


async def test_d4_a_changelog_that_is_not_stored_takes_its_offset_with_it(kafka: str) -> None:
    owned, nudges = await new_partition(kafka, max_message_bytes=str(TINY_BYTES)), await new_topic(kafka, partitions=1)
    too_much = random.Random(1).randbytes(2 * TINY_BYTES)

    async with writing(kafka, owned) as writer:
        await writer.write([(b"anna", b"1")], [], 1)
        with pytest.raises(TransactionFailed):
            await writer.write([(b"anna", too_much)], [Output(nudges, b"anna", b"nudge")], 42)

    async with loading(kafka, owned) as loader:
        assert await loader.committed(owned.app_id, TopicPartition(owned.timeline, 0)) == 1
    assert await seen(kafka, owned.changelog) == [(b"anna", b"1")]
    assert await seen(kafka, nudges) == []


async def test_d4_wherever_an_owner_is_killed_the_offset_the_changelog_and_the_outputs_agree(kafka: str) -> None:
    owned, nudges = await new_partition(kafka), await new_topic(kafka, partitions=1)
    timeline, luck, at = TopicPartition(owned.timeline, 0), random.Random(4), 0
    for _ in range(4):
        names = [owned.app_id, owned.timeline, owned.changelog]
        owner = await asyncio.create_subprocess_exec(
            sys.executable, "-c", OWNER, kafka, nudges, str(at), *names, cwd=ROOT, stdout=asyncio.subprocess.PIPE
        )
        assert owner.stdout is not None
        assert await asyncio.wait_for(owner.stdout.readline(), 30) == b"started\n"
        await asyncio.sleep(0.3 + luck.random() / 5)
        owner.kill()
        await owner.wait()

        async with writing(kafka, owned), loading(kafka, owned) as loader:  # the next owner: it aborts what was open
            committed = await loader.committed(owned.app_id, timeline)
        stored = [int(key) for key, _ in (await load(kafka, owned))[1]]

        assert stored == list(range(committed or 0))
        assert [int(key) for key, _ in await seen(kafka, nudges)] == stored
        assert len(stored) > at, "it was killed before it had written anything: there was nothing to see"
        at = len(stored)


@contextlib.asynccontextmanager
async def three_brokers() -> AsyncIterator[ApacheKafka]:
    """An Apache Kafka of three brokers, for this test alone."""
    brokers = await asyncio.to_thread(ApacheKafka(brokers=3, heap_mb=256).start)
    try:
        yield brokers
    finally:
        await asyncio.to_thread(brokers.stop)


async def place(bootstrap: str, topics: dict[str, list[int]]) -> None:
    """Create topics of one partition, which stands on these brokers (they count from 1) and on no other."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    config = {"min.insync.replicas": "1"}
    try:
        wanted = [NewTopic(name, -1, -1, {0: nodes}, topic_configs=config) for name, nodes in topics.items()]
        answer = await admin.create_topics(wanted)
    finally:
        await admin.close()
    assert {error[1] for error in answer.topic_errors} == {0}, answer

"""Topics of one test on a broker that many tests share, their writers, and what readers see of them."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from streams.table.loader import Loaded, Loader
from streams.table.transactions import Owned, PartitionWriter

TINY_BYTES = 2_000
"""Size of the largest batch that a topic made with `tiny=True` accepts."""

Seen = list[tuple[bytes, bytes | None]]


async def new_partition(bootstrap: str, **changelog: str) -> Owned:
    """A timeline and a changelog of two partitions, and partition 0 of them. `changelog` is its configuration."""
    app = f"app-{uuid.uuid4().hex[:8]}"
    owned = Owned(app, 0, timeline=f"{app}-timeline", changelog=f"{app}-changelog")
    await _create(bootstrap, owned.timeline, 2)
    await _create(bootstrap, owned.changelog, 2, **{name.replace("_", "."): value for name, value in changelog.items()})
    return owned


async def new_topic(bootstrap: str, partitions: int = 3, tiny: bool = False) -> str:
    """A topic for outputs; a `tiny` one refuses batches over `TINY_BYTES`."""
    name = f"out-{uuid.uuid4().hex[:8]}"
    await _create(bootstrap, name, partitions, **({"max.message.bytes": str(TINY_BYTES)} if tiny else {}))
    return name


@contextlib.asynccontextmanager
async def writing(
    bootstrap: str, owned: Owned, transactions: bool = True, timeout_s: float = 15
) -> AsyncIterator[PartitionWriter]:
    """A writer that has started: the owner of the partition from now on."""
    writer = PartitionWriter({"bootstrap_servers": bootstrap}, owned, transactions=transactions, timeout_s=timeout_s)
    await writer.start()
    try:
        yield writer
    finally:
        await writer.stop()


@contextlib.asynccontextmanager
async def loading(bootstrap: str, owned: Owned, timeout_s: float = 15) -> AsyncIterator[Loader]:
    """A loader that has started."""
    loader = Loader({"bootstrap_servers": bootstrap}, owned.changelog, timeout_s)
    await loader.start()
    try:
        yield loader
    finally:
        await loader.stop()


async def load(bootstrap: str, owned: Owned, start: int = 0, timeout_s: float = 10) -> tuple[Loaded, Seen]:
    """What the loader makes of a partition. It never takes longer than its limit."""
    found: Seen = []
    async with asyncio.timeout(60), loading(bootstrap, owned, timeout_s) as loader:
        return await loader.load(owned.partition, lambda key, value: found.append((key, value)), start), found


async def seen(bootstrap: str, topic: str, partition: int = 0, isolation: str = "read_committed") -> Seen:
    """What a plain consumer sees of a partition, from its beginning to its end."""
    return [(record.key, record.value) for record in await records(bootstrap, topic, partition, isolation)]


async def records(bootstrap: str, topic: str, partition: int = 0, isolation: str = "read_committed") -> list[Any]:
    """The same with offsets and headers. Waits until no transaction is open there: a commit is seen a little later."""
    tp, found = TopicPartition(topic, partition), list[Any]()
    end = await _end(bootstrap, tp, "read_uncommitted")
    await _until(bootstrap, tp, "read_committed", end)
    async with _consumer(bootstrap, isolation) as consumer:
        consumer.assign([tp])
        while await consumer.position(tp) < end:
            for batch in (await consumer.getmany(tp, timeout_ms=100)).values():
                found += batch
    return found


async def until_written(bootstrap: str, topic: str, partition: int = 0) -> None:
    """Return once the partition holds anything, committed or not."""
    await _until(bootstrap, TopicPartition(topic, partition), "read_uncommitted", 1)


async def _until(bootstrap: str, tp: TopicPartition, isolation: str, end: int) -> None:
    async with asyncio.timeout(10):
        while True:
            if await _end(bootstrap, tp, isolation) >= end:
                return
            await asyncio.sleep(0.005)


async def _end(bootstrap: str, tp: TopicPartition, isolation: str) -> int:
    async with _consumer(bootstrap, isolation) as consumer:
        return int((await consumer.end_offsets([tp]))[tp])


def _consumer(bootstrap: str, isolation: str) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(bootstrap_servers=bootstrap, isolation_level=isolation, auto_offset_reset="earliest")


async def _create(bootstrap: str, name: str, partitions: int, **config: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        answer = await admin.create_topics([NewTopic(name, partitions, 1, topic_configs=config)])
    finally:
        await admin.close()
    assert [error[1] for error in answer.topic_errors] == [0], answer

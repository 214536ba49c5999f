"""Following a small topic that every worker reads whole: progress of the inputs, and log time where a feed sets it."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.connection import MissingTopicError

Heard = Callable[[bytes | None, bytes], None]


async def follow(
    connection: Mapping[str, Any],
    topic: str,
    heard: Heard,
    ready: asyncio.Event | None = None,
    client: Callable[..., Any] = AIOKafkaConsumer,
) -> None:
    """Read every partition of `topic` from its beginning, for ever; `ready` is set when the present end was reached.

    `heard` is given the key and the value of each record. Cancel the task to stop. Errors: those of aiokafka.
    """
    consumer = client(enable_auto_commit=False, isolation_level="read_committed", **connection)
    await consumer.start()
    try:
        partitions = await _partitions(consumer, topic)
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        while True:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                for record in records:
                    if record.value is not None:
                        heard(record.key, record.value)
            if ready is not None and not ready.is_set() and await _reached(consumer, ends):
                ready.set()
    finally:
        await consumer.stop()


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> list[TopicPartition]:
    cluster = await consumer._client.fetch_all_metadata()  # the public call knows subscribed topics only
    found = [TopicPartition(topic, number) for number in sorted(cluster.partitions_for_topic(topic) or ())]
    if not found:
        msg = f"expected the topic {topic}, it does not exist; run `kairos topics create`"
        raise MissingTopicError(msg)
    return found


async def _reached(consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> bool:
    return all([await consumer.position(partition) >= end for partition, end in ends.items()])

"""Following a small topic that every worker reads whole: progress of the inputs, and log time where a feed sets it."""

import asyncio
from collections.abc import Callable, Mapping
from itertools import chain, count
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streams.connection import MissingTopicError

WAIT_MS: Final = 500
ENDS_EVERY: Final = 20
"""Turns of `WAIT_MS` at most, after which the topic's end is asked for: a reader that is cut off would never know."""
ENDS_LIMIT_S: Final = 10.0
UNKNOWN: Final = 1 << 62
Heard = Callable[[bytes | None, bytes], None]


class Followed(NamedTuple):
    """A topic and who hears the key and the value of each record; `beat` is called as long as it is read to its end."""

    topic: str
    heard: Heard
    beat: Callable[[], None] = lambda: None


async def follow(
    connection: Mapping[str, Any],
    followed: Followed,
    ready: asyncio.Event | None = None,
    client: Callable[..., Any] = AIOKafkaConsumer,
) -> None:
    """Read every partition of a topic from its beginning, for ever; `ready` is set when its end was reached first.

    Cancel the task to stop. Errors: those of aiokafka.
    """
    consumer = client(enable_auto_commit=False, isolation_level="read_committed", **connection)
    await consumer.start()
    try:
        partitions = await _partitions(consumer, followed.topic)
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await _ends(consumer, partitions)
        for turn in count(1):
            found = await consumer.getmany(timeout_ms=WAIT_MS)
            for record in chain.from_iterable(found.values()):
                if record.value is not None:
                    followed.heard(record.key, record.value)
            if turn % ENDS_EVERY == 0:
                ends = await _ends(consumer, partitions)
            reached = await _reached(consumer, ends)
            if found or reached:
                followed.beat()
            if reached and ready is not None:
                ready.set()
    finally:
        await consumer.stop()


async def _ends(consumer: Any, partitions: list[TopicPartition]) -> Mapping[TopicPartition, int]:
    """What a broker does not tell in its time is asked again: until then nothing counts as reached."""
    try:
        async with asyncio.timeout(ENDS_LIMIT_S):
            ends: Mapping[TopicPartition, int] = await consumer.end_offsets(partitions)
            return ends
    except (KafkaError, TimeoutError):
        return dict.fromkeys(partitions, UNKNOWN)


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> list[TopicPartition]:
    cluster = await consumer._client.fetch_all_metadata()  # the public call knows subscribed topics only
    found = [TopicPartition(topic, number) for number in sorted(cluster.partitions_for_topic(topic) or ())]
    if not found:
        msg = f"expected the topic {topic}, it does not exist; run `kairos topics create`"
        raise MissingTopicError(msg)
    return found


async def _reached(consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> bool:
    return all([await consumer.position(partition) >= end for partition, end in ends.items()])

"""Reading whole topics back, as any reader would: of committed records, or of all."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.topics import Topic, named, partitions_of
from streams.settings import Settings

POLL_MS: Final = 200
STANDS_STILL_S: Final = 20.0
Take = Callable[[Topic, Any], None]


class NotReadToTheEnd(RuntimeError):  # noqa: N818  it tells what happened
    """Topics could not be read back to their end in time."""


async def read_back(settings: Settings, topics: Sequence[Topic], take: Take, *, committed: bool = True) -> None:
    """Give `take` every record of the topics, those of one partition in order; with `committed`, no aborted ones.

    Raises `NotReadToTheEnd` where nothing comes for 20 s, and what aiokafka raises.
    """
    of = {named(topic, settings.topic_prefix): topic for topic in topics}
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.broker,
        isolation_level="read_committed" if committed else "read_uncommitted",
        enable_auto_commit=False,
        fetch_max_wait_ms=50,
    )
    await consumer.start()
    try:
        consumer.assign([part for topic in topics for part in _partitions(topic, settings)])
        await consumer.seek_to_beginning()
        ends, moved_s = await consumer.end_offsets(list(consumer.assignment())), time.monotonic()
        while left := [part for part, end in ends.items() if not await _reached(consumer, part, end, settings)]:
            for part, records in (await consumer.getmany(*left, timeout_ms=POLL_MS)).items():
                moved_s = time.monotonic()
                for record in records:
                    take(of[part.topic], record)
            if time.monotonic() - moved_s > STANDS_STILL_S:
                raise _still(left, ends)
    finally:
        await consumer.stop()


async def _reached(consumer: AIOKafkaConsumer, part: TopicPartition, end: int, settings: Settings) -> bool:
    """The embedded broker tells the end too early (see `streams/embedded/tansu.py`); a fetch tells it right."""
    position = await consumer.position(part)
    if settings.transactions == "on" or end == 0:
        return bool(position >= end)
    return bool(position >= max(end, consumer.highwater(part) or end))


def _partitions(topic: Topic, settings: Settings) -> list[TopicPartition]:
    count = partitions_of(topic, settings.timeline_partitions)
    return [TopicPartition(named(topic, settings.topic_prefix), number) for number in range(count)]


def _still(left: Sequence[TopicPartition], ends: Mapping[TopicPartition, int]) -> NotReadToTheEnd:
    part = left[0]
    more = f" and {len(left) - 1} more" if len(left) > 1 else ""
    where = f"{part.topic}[{part.partition}] up to offset {ends[part]}{more}"
    return NotReadToTheEnd(f"expected to read {where}, nothing came for {STANDS_STILL_S:.0f} s; is the broker well?")

"""When a shop has caught up, and when it has not: asked of a real Kafka."""

import uuid
from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.topics import CART, TIMELINE
from streams.chaos.recovery import Lag
from streams.feed import Arrival
from streams.sender import Sender
from streams.settings import Settings
from streams.topics import create

pytestmark = pytest.mark.kafka
SHORT_S, LONG_S = 1.0, 30.0


@pytest.fixture
async def settings(kafka: str) -> AsyncIterator[Settings]:
    """A shop of its own, with its topics."""
    name = f"lag-{uuid.uuid4().hex[:10]}"
    settings = Settings(broker=kafka, app_id=name, topic_prefix=f"{name}.", timeline_partitions=2)
    await create(settings)
    yield settings


async def append(settings: Settings, topic: str) -> None:
    async with Sender(settings.broker, settings.topic_prefix) as sender:
        await sender.send([Arrival(0, topic, b"ann", b"{}")])
        await sender.acknowledged()


async def commit_all(settings: Settings, topic: str, partitions: int) -> None:
    """What a worker that has read everything commits."""
    parts = [TopicPartition(settings.topic_prefix + topic, number) for number in range(partitions)]
    async with AIOKafkaConsumer(
        bootstrap_servers=settings.broker, group_id=settings.app_id, enable_auto_commit=False
    ) as consumer:
        consumer.assign(parts)
        await consumer.commit(await consumer.end_offsets(parts))


async def test_an_event_that_nobody_committed_is_lag_that_is_named(settings: Settings) -> None:
    await append(settings, CART.name)

    async with Lag(settings) as lag:
        took_s, behind = await lag.caught_up_s(SHORT_S), await lag.behind()

    assert took_s is None
    assert len(behind) == 1
    assert CART.name in behind[0]
    assert "0 of 1" in behind[0]


async def test_a_timeline_that_is_not_decided_about_is_lag_although_the_inputs_are_read(settings: Settings) -> None:
    await append(settings, CART.name)
    await append(settings, TIMELINE.name)
    await commit_all(settings, CART.name, CART.partitions)

    async with Lag(settings) as lag:
        before_s = await lag.caught_up_s(SHORT_S)
        await commit_all(settings, TIMELINE.name, settings.timeline_partitions)
        after_s = await lag.caught_up_s(LONG_S)

    assert before_s is None
    assert after_s is not None

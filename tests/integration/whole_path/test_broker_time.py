"""On the wall clock, log time is the broker's: of its append times, and of the partitions that it has."""

import asyncio
import time

import msgspec
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from schemas.interventions import iso
from schemas.kinds import Kind
from schemas.timeline import SLOT_AT, decode_entry, decode_tick
from schemas.topics import CART, PROGRESS
from streams.exit_codes import ExitCode
from tests.integration.whole_path.shop_path import ShopPath

pytestmark = pytest.mark.kafka
LATENESS_S = 2.0
LIMIT_S = 60.0


@pytest.fixture
async def wall_path(kafka, tmp_path):
    return ShopPath(kafka, tmp_path, clock="wall", model="", lateness_s=LATENESS_S)


async def test_a_partition_that_is_added_under_a_running_worker_is_never_overtaken_by_a_tick(wall_path):
    async with wall_path as path:
        await path.worker()
        await path.reached(now_ms() - 60_000)

        sent_ms = now_ms()
        await added_partition(path, CART.partitions + 1)
        await sent(path, CART.partitions, sent_ms)
        await path.reached(sent_ms + 3_000)
        event_at = await put_into_a_cart(path)

        before = path.timeline[event_at[0]][: event_at[1]]
        assert decode_entry(path.timeline[event_at[0]][event_at[1]].value).slot.at_ms == sent_ms
        assert max(decode_tick(record.value)[0] for record in before) <= sent_ms


async def test_a_worker_does_not_start_where_the_broker_does_not_tell_its_time(wall_path):
    async with wall_path as path:
        name = path.settings.topic_prefix + PROGRESS.name
        await configured(path, name, {"message.timestamp.type": "CreateTime"})

        worker = await path.worker()

        assert await worker.ends(LIMIT_S) == ExitCode.BAD_CONFIGURATION
        assert f"--entity-name {name} --add-config message.timestamp.type=LogAppendTime" in worker.said()


async def put_into_a_cart(path: ShopPath) -> tuple[int, int]:
    """Where in the timeline the one such event stands: partition, place. Waits for it."""
    deadline = time.monotonic() + LIMIT_S
    while True:
        places = (
            (number, at, record) for number, records in path.timeline.items() for at, record in enumerate(records)
        )
        found = [(number, at) for number, at, record in places if record.value[SLOT_AT] == Kind.PRODUCT_ADDED]
        if found:
            return found[0]
        assert time.monotonic() < deadline, "the event of the new partition did not come"
        await asyncio.sleep(0.2)
        await path.watermarks()


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def sent(path: ShopPath, partition: int, at_ms: int) -> None:
    """Put something into a cart, in a record of this partition."""
    said = {"event": "Product Added", "messageId": "m-1", "userId": "ann", "timestamp": iso(at_ms)}
    value = msgspec.json.encode(said | {"properties": {"product_id": "mug", "price": 9.5, "currency": "EUR"}})
    producer = AIOKafkaProducer(bootstrap_servers=path.settings.broker)
    await producer.start()
    try:
        await producer.send_and_wait(path.settings.topic_prefix + CART.name, value, partition=partition)
    finally:
        await producer.stop()


async def added_partition(path: ShopPath, count: int) -> None:
    """Let the topic of carts have so many partitions, and wait until the broker tells of them."""
    admin, name = AIOKafkaAdminClient(bootstrap_servers=path.settings.broker), path.settings.topic_prefix + CART.name
    await admin.start()
    try:
        await admin.create_partitions({name: NewPartitions(count)})
        deadline = time.monotonic() + LIMIT_S
        while len((await admin.describe_topics([name]))[0]["partitions"]) < count:
            assert time.monotonic() < deadline, f"{name} has no {count} partitions"
            await asyncio.sleep(0.05)
    finally:
        await admin.close()


async def configured(path: ShopPath, topic: str, config: dict[str, str]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=path.settings.broker)
    await admin.start()
    try:
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, config)])
    finally:
        await admin.close()

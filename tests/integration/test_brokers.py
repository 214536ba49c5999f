"""What Kairos needs from a broker, on the embedded one and on a real Apache Kafka; and what only the real one gives."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, ProducerFenced

TopicName = Callable[[str], str]
WITHIN_S = 30


@pytest.fixture(params=["embedded_broker", pytest.param("kafka", marks=pytest.mark.kafka)])
def address(request: pytest.FixtureRequest) -> str:
    """The bootstrap address of each broker in turn."""
    found: str = request.getfixturevalue(request.param)
    return found


async def create(address: str, name: str, partitions: int = 1, **settings: str) -> TopicPartition:
    """A new topic; its first partition."""
    async with admin(address) as client:
        answer = await client.create_topics([NewTopic(name, partitions, 1, topic_configs=settings)])
    assert [error[1] for error in answer.topic_errors] == [0]
    return TopicPartition(name, 0)


@asynccontextmanager
async def admin(address: str) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=address)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def producer(address: str, **settings: Any) -> AsyncIterator[AIOKafkaProducer]:
    async with AIOKafkaProducer(bootstrap_servers=address, **settings) as client:
        yield client


@asynccontextmanager
async def reader(address: str, partition: TopicPartition, **settings: Any) -> AsyncIterator[AIOKafkaConsumer]:
    async with AIOKafkaConsumer(bootstrap_servers=address, enable_auto_commit=False, **settings) as client:
        client.assign([partition])
        client.seek(partition, 0)
        yield client


async def read(client: AIOKafkaConsumer, count: int) -> list[ConsumerRecord]:
    async with asyncio.timeout(WITHIN_S):
        return [await client.getone() for _ in range(count)]


async def append(address: str, partition: TopicPartition, values: list[bytes], **settings: Any) -> int:
    """Append the values as one batch; the offset of the first."""
    async with producer(address, **settings) as client:
        batch = client.create_batch()
        for value in values:
            batch.append(key=b"key", value=value, timestamp=1_570_000_000_000)
        sent = await (await client.send_batch(batch, partition.topic, partition=partition.partition))
        offset: int = sent.offset
        return offset


async def test_a_record_comes_back_with_its_key_headers_and_time(address: str, topic_name: TopicName) -> None:
    partition = await create(address, topic_name("records"))
    headers = [("ce_id", b"1"), ("empty", b""), ("ce_id", "ü".encode())]

    async with producer(address) as client:
        await client.send_and_wait(partition.topic, b"body", b"key", 0, 1_570_000_000_123, headers)
        await client.send_and_wait(partition.topic, None, b"key", 0)
    async with reader(address, partition) as client:
        first, tombstone = await read(client, 2)

    assert (first.key, first.value, first.timestamp, list(first.headers)) == (
        b"key",
        b"body",
        1_570_000_000_123,
        headers,
    )
    assert tombstone.value is None


@pytest.mark.parametrize("codec", [None, "gzip", "snappy", "lz4", "zstd"])
async def test_batches_of_every_codec_are_read_from_any_offset(
    address: str, topic_name: TopicName, codec: str | None
) -> None:
    partition = await create(address, topic_name("codec"))
    values = [b"%d" % number for number in range(10)]

    bases = [await append(address, partition, values, compression_type=codec) for _ in range(3)]
    async with reader(address, partition) as client:
        client.seek(partition, 15)
        records = await read(client, 15)

    assert bases == [0, 10, 20]
    assert [record.offset for record in records] == list(range(15, 30))
    assert [record.value for record in records] == (values * 3)[15:]


async def test_reading_until_the_position_is_past_the_newest_offset_reads_everything(
    address: str, topic_name: TopicName
) -> None:
    partition = await create(address, topic_name("end"))
    await append(address, partition, [b"value"] * 7)
    await append(address, partition, [b"value"] * 5)

    async with reader(address, partition) as client, asyncio.timeout(WITHIN_S):
        newest = (await client.end_offsets([partition]))[partition]
        while await client.position(partition) < newest:
            await client.getmany(timeout_ms=500)

        assert client.highwater(partition) == 12
        assert await client.position(partition) == 12


async def test_a_topic_keeps_the_settings_it_was_created_with(address: str, topic_name: TopicName) -> None:
    name = topic_name("settings")
    settings = {"cleanup.policy": "compact", "max.message.bytes": str(16 << 20)}

    await create(address, name, partitions=8, **settings)
    async with admin(address) as client:
        (topic,) = await client.describe_topics([name])
        (answer,) = await client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])

    found = {entry[0]: entry[1] for entry in answer.resources[0][4]}
    assert len(topic["partitions"]) == 8
    assert {name: found[name] for name in settings} == settings


async def test_a_topic_that_exists_is_not_created_again(address: str, topic_name: TopicName) -> None:
    name = topic_name("twice")
    await create(address, name)

    async with admin(address) as client:
        answer = await client.create_topics([NewTopic(name, 1, 1)])

    assert answer.topic_errors[0][1] == 36


async def test_a_record_of_12_megabytes_passes(address: str, topic_name: TopicName) -> None:
    partition = await create(address, topic_name("large"), **{"max.message.bytes": str(16 << 20)})
    value = b"v" * (12 << 20)

    async with producer(address, max_request_size=16 << 20) as client:
        await client.send_and_wait(partition.topic, value, partition=0)
    async with reader(address, partition) as client:
        (record,) = await read(client, 1)

    assert record.value == value


async def test_a_group_shares_partitions_and_goes_on_where_it_committed(address: str, topic_name: TopicName) -> None:
    name, group = topic_name("shared"), topic_name("group")
    first_partition = await create(address, name, partitions=4)
    await append(address, first_partition, [b"value"] * 9)
    settings = {
        "bootstrap_servers": address,
        "group_id": group,
        "enable_auto_commit": False,
        "session_timeout_ms": 6_000,  # the embedded broker lets a first member wait for half of it
        "heartbeat_interval_ms": 500,
    }

    one, other = AIOKafkaConsumer(name, **settings), AIOKafkaConsumer(name, **settings)
    async with asyncio.timeout(2 * WITHIN_S), one, other:
        while len(one.assignment()) != 2 or len(other.assignment()) != 2:
            await asyncio.gather(one.getmany(timeout_ms=100), other.getmany(timeout_ms=100))
        owner = one if first_partition in one.assignment() else other
        await owner.commit({first_partition: (6, "half way")})
    async with AIOKafkaConsumer(bootstrap_servers=address, group_id=group, enable_auto_commit=False) as later:
        later.assign([first_partition, TopicPartition(name, 1)])

        assert await later.committed(first_partition) == 6
        assert await later.committed(TopicPartition(name, 1)) is None
        assert [record.offset for record in await read(later, 3)] == [6, 7, 8]


async def test_the_embedded_broker_refuses_idempotence_and_transactions(embedded_broker: str) -> None:
    for settings in ({"enable_idempotence": True}, {"transactional_id": "one"}):
        client = AIOKafkaProducer(bootstrap_servers=embedded_broker, **settings)

        with pytest.raises(KafkaError):
            await asyncio.wait_for(client.start(), WITHIN_S)

        await client.stop()


@pytest.mark.kafka
async def test_committed_readers_see_committed_transactions_and_no_others(kafka: str, topic_name: TopicName) -> None:
    partition = await create(kafka, topic_name("transactions"))

    async with producer(kafka, transactional_id=topic_name("writer")) as client:
        for value, commits in ((b"kept", True), (b"dropped", False), (b"kept too", True)):
            await client.begin_transaction()
            await client.send_and_wait(partition.topic, value, partition=0)
            await (client.commit_transaction() if commits else client.abort_transaction())
    async with reader(kafka, partition, isolation_level="read_committed") as client:
        committed = await read(client, 2)
    async with reader(kafka, partition) as client:
        everything = await read(client, 3)

    assert [record.value for record in committed] == [b"kept", b"kept too"]
    assert [record.value for record in everything] == [b"kept", b"dropped", b"kept too"]


@pytest.mark.kafka
async def test_offsets_are_committed_with_the_transaction_or_not_at_all(kafka: str, topic_name: TopicName) -> None:
    partition, group = await create(kafka, topic_name("offsets")), topic_name("group")

    async with producer(kafka, transactional_id=topic_name("writer")) as client:
        for offset, commits in ((5, True), (9, False)):
            await client.begin_transaction()
            await client.send_offsets_to_transaction({partition: offset}, group)
            await (client.commit_transaction() if commits else client.abort_transaction())
    async with AIOKafkaConsumer(bootstrap_servers=kafka, group_id=group, enable_auto_commit=False) as later:
        later.assign([partition])
        committed = await later.committed(partition)

    assert committed == 5


@pytest.mark.kafka
async def test_an_older_owner_of_a_transactional_id_is_fenced(kafka: str, topic_name: TopicName) -> None:
    partition, name = await create(kafka, topic_name("fencing")), topic_name("writer")

    async with producer(kafka, transactional_id=name) as older:
        await older.begin_transaction()
        await older.send_and_wait(partition.topic, b"of the older one", partition=0)
        async with producer(kafka, transactional_id=name) as newer:
            await newer.begin_transaction()
            await newer.send_and_wait(partition.topic, b"of the newer one", partition=0)
            await newer.commit_transaction()

        with pytest.raises(ProducerFenced):
            await older.commit_transaction()
    async with reader(kafka, partition, isolation_level="read_committed") as client:
        (record,) = await read(client, 1)

    assert record.value == b"of the newer one"


@pytest.mark.kafka
async def test_an_idempotent_producer_works_on_a_real_kafka(kafka: str, topic_name: TopicName) -> None:
    partition = await create(kafka, topic_name("idempotent"))

    assert await append(kafka, partition, [b"value"], enable_idempotence=True, acks="all") == 0

"""What stands on Kafka, as a reader of committed records sees it, with a plain aiokafka consumer."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.errors import GroupCoordinatorNotAvailableError, GroupLoadInProgressError, NotCoordinatorForGroupError

READ_LIMIT_S = 30.0
NOT_READY = (GroupCoordinatorNotAvailableError, GroupLoadInProgressError, NotCoordinatorForGroupError)
"""What a broker that has just started says about any group."""
Ends = dict[TopicPartition, int]


async def committed_records(broker: str, topics: Iterable[str]) -> list[Any]:
    """All committed records of the topics: sorted by topic, partition and offset."""
    async with LogReader(broker) as reader:
        parts = await _partitions(reader.consumer, topics)
        return await reader.read_on(parts)


class LogReader:
    """Reads topics from their beginning, again and again a bit further. Use it as `async with`."""

    def __init__(self, broker: str) -> None:
        self.broker = broker
        self.consumer = AIOKafkaConsumer(
            bootstrap_servers=broker, isolation_level="read_committed", auto_offset_reset="earliest"
        )

    async def __aenter__(self) -> "LogReader":
        await self.consumer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.consumer.stop()

    async def read_on(self, parts: list[TopicPartition]) -> list[Any]:
        """The records from where the last call ended to the present end."""
        if set(parts) != self.consumer.assignment():
            self.consumer.assign(parts)
            await self.consumer.seek_to_beginning(*parts)
        ends, found = await self.consumer.end_offsets(parts), list[Any]()
        async with asyncio.timeout(READ_LIMIT_S):
            while any([await self.consumer.position(part) < end for part, end in ends.items()]):
                for records in (await self.consumer.getmany(timeout_ms=100)).values():
                    found += records
        return sorted(found, key=lambda record: (record.topic, record.partition, record.offset))


async def ends_of(reader: LogReader, topics: Iterable[str]) -> Ends:
    """The end of every partition of the topics."""
    return await reader.consumer.end_offsets(await _partitions(reader.consumer, topics))


async def committed_offsets(broker: str, group: str) -> Ends:
    """The offsets that a consumer group has committed."""
    async with _admin(broker) as admin:
        try:
            found = await admin.list_consumer_group_offsets(group)
        except NOT_READY:
            return {}
    return {part: told.offset for part, told in found.items()}


async def members_of(broker: str, group: str) -> dict[str, list[tuple[str, int]]]:
    """What each member of a stable group reads, as (topic, partition); nobody while the group is rebalancing."""
    async with _admin(broker) as admin:
        try:
            ((_, _, state, _, _, members, *_),) = (await admin.describe_consumer_groups([group]))[0].groups
        except NOT_READY:
            return {}
    if state != "Stable":
        return {}
    given = {member: ConsumerProtocolMemberAssignment.decode(assignment) for member, *_, assignment in members}
    return {member: [(part.topic, part.partition) for part in told.partitions()] for member, told in given.items()}


@asynccontextmanager
async def _admin(broker: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def _partitions(consumer: AIOKafkaConsumer, topics: Iterable[str]) -> list[TopicPartition]:
    cluster = await consumer._client.fetch_all_metadata()
    return [TopicPartition(topic, part) for topic in topics for part in sorted(cluster.partitions_for_topic(topic))]

"""How long the workers of a shop take until all that stood on Kafka at some moment is read, decided and committed."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from schemas.topics import INPUTS, TIMELINE, Topic, named, partitions_of
from streams.settings import Settings

LOOK_EVERY_S: Final = 0.25
REQUEST_MS: Final = 5_000
Offsets = Mapping[TopicPartition, int]


class Lag:
    """Asks the brokers how far a shop's group has come. Broker failures count as "not there yet".

    Use it as `async with`.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._inputs = _partitions(settings, *INPUTS)
        self._timeline = _partitions(settings, TIMELINE)
        self._stack = AsyncExitStack()
        self._clients: tuple[AIOKafkaAdminClient, AIOKafkaConsumer] | None = None

    async def __aenter__(self) -> "Lag":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def caught_up_s(self, limit_s: float) -> float | None:
        """Seconds until everything is committed that stands on the inputs now, and what ingest has made of it.

        None where that takes longer than `limit_s`.
        """
        began_s = time.monotonic()
        try:
            async with asyncio.timeout(limit_s):
                await self._passed(self._inputs)
                await self._passed(self._timeline)
        except TimeoutError:
            return None
        return time.monotonic() - began_s

    async def behind(self) -> list[str]:
        """What is not committed now, one line for each partition; for a message."""
        try:
            async with asyncio.timeout(REQUEST_MS / 1_000):
                ends, committed = await self._ends(self._inputs + self._timeline), await self._committed()
        except (KafkaError, TimeoutError) as error:
            return [f"no answer from the brokers: {error!r}"]
        left = {part: end for part, end in ends.items() if committed.get(part, 0) < end}
        return [f"{part.topic}/{part.partition}: {committed.get(part, 0)} of {end}" for part, end in left.items()]

    async def _passed(self, parts: list[TopicPartition]) -> None:
        goal: Offsets | None = None
        while True:
            try:
                goal = goal or await self._ends(parts)
                committed = await self._committed()
                if all(committed.get(part, 0) >= end for part, end in goal.items()):
                    return
            except KafkaError:
                await self._forget_clients()
            await asyncio.sleep(LOOK_EVERY_S)

    async def _ends(self, parts: list[TopicPartition]) -> Offsets:
        _, consumer = await self._connected()
        ends: Offsets = await consumer.end_offsets(parts)
        return ends

    async def _committed(self) -> Offsets:
        admin, _ = await self._connected()
        found = await admin.list_consumer_group_offsets(self._settings.app_id)
        return {part: told.offset for part, told in found.items()}

    async def _connected(self) -> tuple[AIOKafkaAdminClient, AIOKafkaConsumer]:
        if self._clients is None:
            to = {"bootstrap_servers": self._settings.broker, "request_timeout_ms": REQUEST_MS}
            admin, consumer = AIOKafkaAdminClient(**to), AIOKafkaConsumer(**to, enable_auto_commit=False)
            self._stack.push_async_callback(admin.close)
            await admin.start()
            self._stack.push_async_callback(consumer.stop)
            await consumer.start()
            self._clients = admin, consumer
        return self._clients

    async def _forget_clients(self) -> None:
        self._clients = None
        await self._stack.aclose()
        self._stack = AsyncExitStack()


def _partitions(settings: Settings, *topics: Topic) -> list[TopicPartition]:
    return [
        TopicPartition(named(topic, settings.topic_prefix), number)
        for topic in topics
        for number in range(partitions_of(topic, settings.timeline_partitions))
    ]

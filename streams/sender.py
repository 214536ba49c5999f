"""Sends arrivals to Kafka as record batches, and tells when all of them are acknowledged."""

import asyncio
import contextlib
import time
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Final, Self

import click
import xxhash
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from streams.broker_errors import NoBroker, talking_to
from streams.broker_features import has_transactions
from streams.feed import Arrival
from streams.table.transactions import partition_of
from streams.transport.batches import Out, send_batches

BATCH_BYTES: Final = 500_000
STOPPED_WITHIN_S: Final = 5.0


class SendFailed(click.ClickException):
    """Kafka did not acknowledge what was sent."""


class Sender:
    """A producer for arrivals: idempotent where the broker can, one request in flight to each broker.

    Use it as `async with`. Topics get the prefix; keys are partitioned as Kafka's own clients do, and a record without
    one by its value. Raises `NoBroker`.
    """

    def __init__(self, broker: str, prefix: str, acknowledged_within_s: float = 30.0) -> None:
        self._broker, self._prefix, self._limit_s = broker, prefix, acknowledged_within_s
        self._connection = {"bootstrap_servers": broker}
        self._partitions: dict[str, int] = {}
        self._unacknowledged: list[asyncio.Future[Any]] = []

    async def __aenter__(self) -> Self:
        with talking_to(self._broker):
            idempotent = await has_transactions(self._connection)
            self._producer = AIOKafkaProducer(
                acks="all",
                enable_idempotence=idempotent,
                compression_type="snappy",
                max_batch_size=BATCH_BYTES,
                request_timeout_ms=int(self._limit_s * 1000),
                **self._connection,
            )
            await self._producer.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(TimeoutError, KafkaError):  # what was not acknowledged has been told already
            async with asyncio.timeout(STOPPED_WITHIN_S):
                await self._producer.stop()

    async def send(self, arrivals: Iterable[Arrival]) -> None:
        """Hand records over; returns before they are acknowledged. Those of one partition keep their order."""
        now_ms = time.time_ns() // 1_000_000
        for (topic, partition), records in (await self._by_partition(arrivals)).items():
            for future in await send_batches(self._producer, topic, partition, records, now_ms):
                future.add_done_callback(_look_at)
                self._unacknowledged.append(future)

    async def acknowledged(self) -> None:
        """Returns when everything that was sent is acknowledged. Raises `NoBroker` or `SendFailed`."""
        futures, self._unacknowledged = self._unacknowledged, []
        try:
            async with asyncio.timeout(self._limit_s):
                await asyncio.gather(*futures)
        except TimeoutError:
            raise NoBroker(self._broker) from None
        except KafkaError as exc:
            msg = f"{self._broker} did not take what was sent: {exc}; run `kairos topics check`"
            raise SendFailed(msg) from None

    async def _by_partition(self, arrivals: Iterable[Arrival]) -> dict[tuple[str, int], list[Out]]:
        found: dict[tuple[str, int], list[Out]] = {}
        for _, topic, key, value, headers in arrivals:
            count = self._partitions.get(topic) or await self._partition_count(topic)
            partition = xxhash.xxh3_64_intdigest(value) % count if key is None else partition_of(key, count)
            found.setdefault((self._prefix + topic, partition), []).append((key, value, headers))
        return found

    async def _partition_count(self, topic: str) -> int:
        try:
            async with asyncio.timeout(self._limit_s):
                self._partitions[topic] = len(await self._producer.partitions_for(self._prefix + topic))
        except (TimeoutError, KafkaError):
            msg = f"no topic {self._prefix + topic} on {self._broker}; run `kairos topics create`"
            raise SendFailed(msg) from None
        return self._partitions[topic]


def _look_at(future: "asyncio.Future[Any]") -> None:
    """Of several that fail together only the first is raised; asyncio would log the others."""
    if not future.cancelled():
        future.exception()

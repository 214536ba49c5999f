"""The producer: record batches, first in first out per partition, and a failed append is the end."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final

from aiokafka.errors import KafkaConnectionError, KafkaError, ProducerClosed
from faust.transport.drivers import aiokafka as driver

from streams.exit_codes import ExitCode
from streams.transport.batches import Out, send_batches
from streams.transport.fatal import end_if_failed, end_process, end_with
from streams.transport.settings import options_of

_START_LIMIT_S: Final = 30.0
_FLUSH_LIMIT_S: Final = 5.0


class Producer(driver.Producer):
    """Faust's producer, idempotent where the broker can do it, with a fast path for many records.

    aiokafka has one request in flight per partition and retries it in place, so order holds also without idempotence.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._turns: defaultdict[tuple[str, int], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def send_records(
        self, topic: str, partition: int, records: Iterable[Out], timestamp_ms: int
    ) -> "list[asyncio.Future[Any]]":
        """Append (key, value, headers) records to a partition; returns a future for each batch, done when acknowledged.

        Calls for one partition append in the order in which they were made. A failed append ends the process, so that
        nothing that was sent after it can land before it is sent again.
        """
        async with self._turns[topic, partition]:
            try:
                futures = await send_batches(self._ensure_producer(), topic, partition, records, timestamp_ms)
            except ProducerClosed:
                raise  # nothing can land any more
            except KafkaError as error:
                end_with(error, f"appending to {topic}/{partition}")
        for future in futures:
            future.add_done_callback(end_if_failed)
        return futures

    async def on_start(self) -> None:
        """Connect; without a broker the process ends."""
        try:
            await asyncio.wait_for(super().on_start(), _START_LIMIT_S)
        except (KafkaConnectionError, TimeoutError) as error:
            brokers = self._settings_default()["bootstrap_servers"]
            end_process(ExitCode.UNAVAILABLE, f"expected a Kafka broker at {brokers}, got {error!r}; is it running?")

    async def flush(self) -> None:
        """Wait for what was appended, for five seconds at most; what is not acknowledged is not durable."""
        await _within(_FLUSH_LIMIT_S, super().flush())

    async def on_stop(self) -> None:
        """Hand over what was appended, for five seconds at most."""
        await _within(_FLUSH_LIMIT_S, super().on_stop())

    def _settings_extra(self) -> Mapping[str, Any]:
        return {"acks": "all", "enable_idempotence": options_of(self.app).idempotent}


async def _within(limit_s: float, call: Any) -> None:
    task = asyncio.ensure_future(call)
    await asyncio.wait({task}, timeout=limit_s)
    if task.done():
        task.result()
    else:
        task.cancel()

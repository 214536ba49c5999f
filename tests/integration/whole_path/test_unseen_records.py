"""Records of transactions: what a producer aborted does not hold log time back, what is still open does."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from schemas.progress import Clock, encode
from schemas.topics import CLICK, CLOCK
from tests.integration.whole_path.shop_path import ShopPath

pytestmark = [pytest.mark.kafka]
NOW_MS = 1_700_000_000_000


@pytest.fixture
def open_quiet(kafka: str, tmp_path: Path) -> Iterator[Callable[[], ShopPath]]:
    """Makes a shop's path without a model."""
    yield lambda: ShopPath(kafka, tmp_path, model="", triton="")


@asynccontextmanager
async def transaction(path: ShopPath) -> AsyncIterator[AIOKafkaProducer]:
    """A transaction of a shop's backend, with one acknowledged record; nothing follows in that partition."""
    name = path.settings.topic_prefix
    producer = AIOKafkaProducer(bootstrap_servers=path.settings.broker, transactional_id=f"{name}shop")
    await producer.start()
    try:
        await producer.begin_transaction()
        await producer.send_and_wait(name + CLICK.name, b"{}", partition=0)
        yield producer
    finally:
        await producer.stop()


async def tell_the_time(path: ShopPath, at_ms: int) -> None:
    async with AIOKafkaProducer(bootstrap_servers=path.settings.broker) as producer:
        await producer.send_and_wait(path.settings.topic_prefix + CLOCK.name, encode(Clock(at_ms=at_ms)), partition=0)


async def test_an_input_that_ends_with_an_aborted_transaction_does_not_hold_log_time_back(open_quiet) -> None:
    async with open_quiet() as path:
        await path.worker()
        await tell_the_time(path, NOW_MS)
        await path.reached(NOW_MS - 5_000)
        async with transaction(path) as producer:
            await producer.abort_transaction()
        await tell_the_time(path, NOW_MS + 60_000)

        await path.reached(NOW_MS + 55_000, limit_s=20)

        assert set((await path.watermarks()).values()) == {NOW_MS + 55_000}


async def test_what_an_open_transaction_holds_back_may_still_come_so_log_time_waits_for_it(open_quiet) -> None:
    async with open_quiet() as path:
        await path.worker()
        await tell_the_time(path, NOW_MS)
        await path.reached(NOW_MS - 5_000)
        async with transaction(path) as producer:
            await tell_the_time(path, NOW_MS + 60_000)
            await asyncio.sleep(2)
            assert set((await path.watermarks()).values()) == {NOW_MS - 5_000}
            await producer.commit_transaction()

        await path.reached(NOW_MS + 55_000, limit_s=20)

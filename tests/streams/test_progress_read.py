"""The progress of what is read now: partitions come and go, and some records no reader sees."""

import asyncio

import pytest
from aiokafka.errors import KafkaConnectionError

from schemas.progress import Progress
from schemas.topics import CLICK
from streams.connection import InputTopics
from streams.core.clean import CleanRules
from streams.embedded.ports import free_ports
from streams.ingest import Ingest, Names, Sent
from streams.progress import InputPartition, ProgressKeeper
from tests.streams.blocks import Block, Raw
from tests.streams.clocks import Clock

CART, BUY = ("cart", 0), ("buy", 0)


class Broker:
    """Where the inputs end, and what was published."""

    def __init__(self, end: int) -> None:
        self.end = end
        self.published: list[tuple[InputPartition, Progress]] = []

    async def ends_of(self, parts: list[InputPartition]) -> dict[InputPartition, int]:
        return dict.fromkeys(parts, self.end)

    async def publish(self, part: InputPartition, progress: Progress) -> None:
        self.published.append((part, progress))


async def test_a_partition_that_ends_with_an_aborted_transaction_does_not_hold_the_watermark_back():
    broker = Broker(end=3)
    keeper = ProgressKeeper(Clock(9_000), broker.ends_of, broker.publish)
    keeper.durable({CART: 0})
    await keeper.probe()
    assert keeper.trackers[CART].progress.at_ms == -1

    keeper.durable({CART: 3})  # the transport passed two aborted records and the marker; no block came of them
    await keeper.publish()

    assert broker.published == [(CART, Progress(at_ms=9_000, offset=3))]


async def test_partitions_are_tracked_from_when_they_are_read_and_not_longer():
    keeper = ProgressKeeper(Clock(9_000), Broker(0).ends_of, Broker(0).publish)

    keeper.durable({CART: 4})
    keeper.durable({CART: 4, BUY: 1})
    assert {part: tracker.progress.offset for part, tracker in keeper.trackers.items()} == {CART: 4, BUY: 1}

    keeper.durable({})
    assert keeper.trackers == {}


async def test_what_an_append_failed_with_is_raised_although_no_block_follows():
    appended: list[asyncio.Future[None]] = []

    async def send(_topic: str, _partition: int, _records: list[Sent], _at_ms: int) -> list[asyncio.Future[None]]:
        appended.append(asyncio.get_running_loop().create_future())
        return appended[-1:]

    ingest = Ingest(send, Names("app", "timeline", 1, {"clicks": CLICK}), CleanRules(), lambda _: None)
    ingest.give(Block("clicks", 0, [Raw(0, b"no event")]))
    await ingest.flush()
    ingest.check()

    appended[0].set_exception(TimeoutError("no answer"))
    await asyncio.sleep(0.01)

    with pytest.raises(TimeoutError):
        ingest.check()


async def test_a_broker_that_is_not_there_is_told_from_a_topic_that_is_not():
    with pytest.raises(KafkaConnectionError):
        await InputTopics({"bootstrap_servers": f"127.0.0.1:{free_ports(1)[0]}"}, ["clicks"]).partitions()

"""Ingest: first in first out, nothing dropped, and durable only what the broker acknowledged."""

import asyncio

import msgspec
import pytest
from aiokafka.errors import KafkaTimeoutError

from schemas.dead_letters import PREFIX
from schemas.timeline import decode_entry
from schemas.topics import CART, CLICK
from streams.core.clean import CleanRules
from streams.core.partitions import timeline_partition
from streams.ingest import IN_FLIGHT, Ingest, Names, Read
from tests.streams.blocks import Block, Raw

PREFIXED = {f"t.{topic.name}": topic for topic in (CART, CLICK)}
CLICKS = "t." + CLICK.name
NAMES = Names("kairos-test", "t.timeline", 4, PREFIXED)
AT_MS = 1_700_000_000_000


def view(offset: int, user: str = "ann", at_ms: int = AT_MS, **more) -> Raw:
    event = {
        "event": "Product Viewed", "messageId": f"m{offset}", "userId": user, "timestamp": at_ms,
        "properties": {"product_id": "mug"},
    }  # fmt: skip
    return Raw(offset, msgspec.json.encode(event), user.encode(), **more)


class Broker:
    """Takes appends in order, and acknowledges them when it is told to."""

    def __init__(self, prompt: bool = True) -> None:
        self.appends: list[tuple[str, int, list]] = []
        self.futures: list[asyncio.Future[None]] = []
        self.read: list[Read] = []
        self.prompt = prompt
        self.ingest = Ingest(self.send, NAMES, CleanRules(), self.acknowledged)

    async def send(self, topic: str, partition: int, records: list, timestamp_ms: int) -> list[asyncio.Future[None]]:
        assert timestamp_ms > AT_MS
        await asyncio.sleep(0)
        self.appends.append((topic, partition, list(records)))
        self.futures.append(asyncio.get_running_loop().create_future())
        if self.prompt:
            self.futures[-1].set_result(None)
        return self.futures[-1:]

    def acknowledged(self, read: Read) -> None:
        read.block.durable()
        self.read.append(read)

    def sent_to(self, topic: str) -> list:
        return [record for name, _, records in self.appends for record in records if name == topic]


async def settled() -> None:
    """Let the tasks run that can."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_shopper_goes_to_its_partition_of_the_timeline_in_the_order_of_the_source():
    broker = Broker()
    users = ("ann", "bob", "eve", "kim")
    records = [view(offset, users[offset % 4]) for offset in range(40)]

    broker.ingest.give(Block(CLICKS, 3, records[:25]))
    broker.ingest.give(Block(CLICKS, 3, records[25:]))
    await broker.ingest.flush()

    entries = []
    for topic, partition, appended in broker.appends:
        assert topic == "t.timeline"
        assert {timeline_partition(key, 4) for key, _, _ in appended} == {partition}
        sources = [decode_entry(value).source for _, value, _ in appended]
        assert sources == sorted(sources)
        entries += [(key, *source) for (key, _, _), source in zip(appended, sources, strict=True)]
    assert sorted(entries) == sorted((users[n % 4].encode(), CLICK.id, 3, n, 0) for n in range(40))


async def test_what_is_refused_goes_to_the_topics_dead_letters_as_it_came_with_the_reason():
    broker = Broker()
    bad = Raw(8, b"{not json", b"who", [("origin", b"web"), ("empty", None)])

    broker.ingest.give(Block(CLICKS, 3, [view(7), bad, view(9)]))
    await broker.ingest.flush()

    ((key, value, headers),) = broker.sent_to(CLICKS + ".dlq")
    assert (key, value, list(headers[:2])) == (b"who", b"{not json", [("origin", b"web"), ("empty", None)])
    reasons = dict(headers)
    assert reasons[PREFIX + "topic"] == CLICKS.encode()
    assert (reasons[PREFIX + "partition"], reasons[PREFIX + "offset"]) == (b"3", b"8")
    assert reasons[PREFIX + "connector.name"] == b"kairos-test"
    assert reasons[PREFIX + "exception.class.name"] == b"undecodable"
    assert len(broker.sent_to("t.timeline")) == 2
    assert (broker.ingest.records, broker.ingest.refused) == (3, 1)


async def test_a_tombstone_of_a_producer_is_a_dead_letter_too():
    broker = Broker()

    broker.ingest.give(Block(CLICKS, 0, [Raw(0, None, b"k")]))
    await broker.ingest.flush()

    assert len(broker.sent_to(CLICKS + ".dlq")) == 1


async def test_a_block_is_durable_only_when_all_that_came_of_it_is_acknowledged():
    broker = Broker(prompt=False)
    block = Block(CLICKS, 0, [view(0), Raw(1, b"bad")])
    broker.ingest.give(block)
    await broker.ingest.flush()

    timeline, letters = broker.futures
    timeline.set_result(None)
    await settled()
    assert (block.released, block.is_durable) == (True, False)

    letters.set_result(None)
    await settled()
    assert block.is_durable


async def test_blocks_become_durable_in_order_even_when_a_later_append_is_acknowledged_first():
    broker = Broker(prompt=False)
    blocks = [Block(CLICKS, 0, [view(offset)]) for offset in range(3)]
    for block in blocks:
        broker.ingest.give(block)
        await broker.ingest.flush()

    for number in (2, 1):
        broker.futures[number].set_result(None)
    await settled()
    assert broker.read == []

    broker.futures[0].set_result(None)
    await settled()
    assert [read.block for read in broker.read] == blocks


async def test_the_time_that_is_told_is_that_of_the_last_believed_record():
    broker = Broker()

    broker.ingest.give(Block(CLICKS, 0, [view(0, at_ms=AT_MS - 5_000), view(1, at_ms=AT_MS - 9_000), Raw(2, b"bad")]))
    broker.ingest.give(Block(CLICKS, 1, [Raw(0, b"bad")]))
    await broker.ingest.flush()
    await settled()

    assert [read.last_ms for read in broker.read] == [AT_MS - 9_000, -1]


async def test_a_stale_block_is_given_back_and_otherwise_ignored():
    broker = Broker()
    block = Block(CLICKS, 0, [view(0)], stale=True)

    broker.ingest.give(block)
    await broker.ingest.flush()

    assert block.released
    assert (broker.appends, broker.ingest.records) == ([], 0)


async def test_more_appends_than_may_be_in_flight_wait_for_the_first():
    broker = Broker(prompt=False)
    for offset in range(IN_FLIGHT):
        broker.ingest.give(Block(CLICKS, 0, [view(offset)]))
        await broker.ingest.flush()

    broker.ingest.give(Block(CLICKS, 0, [view(99)]))
    waiting = asyncio.create_task(broker.ingest.flush())
    await settled()
    assert not waiting.done()

    broker.futures[0].set_result(None)
    await asyncio.wait_for(waiting, 1)


async def test_an_append_that_fails_raises_and_its_block_never_becomes_durable():
    broker = Broker(prompt=False)
    block = Block(CLICKS, 0, [view(0)])
    broker.ingest.give(block)
    await broker.ingest.flush()

    broker.futures[0].set_exception(KafkaTimeoutError())
    await settled()

    with pytest.raises(KafkaTimeoutError):
        await broker.ingest.flush()
    assert not block.is_durable


async def test_draining_waits_for_what_was_appended_and_drops_what_was_only_collected():
    broker = Broker(prompt=False)
    appended, collected = Block(CLICKS, 0, [view(0)]), Block(CLICKS, 0, [view(1), Raw(2, b"bad")])
    broker.ingest.give(appended)
    await broker.ingest.flush()
    broker.ingest.give(collected)

    draining = asyncio.create_task(broker.ingest.drain())
    await settled()
    assert not draining.done()
    broker.futures[0].set_result(None)
    await asyncio.wait_for(draining, 1)
    await broker.ingest.flush()

    assert (appended.is_durable, collected.is_durable) == (True, False)
    assert len(broker.appends) == 1


async def test_a_drain_that_is_given_up_does_not_lose_the_append_it_waited_for():
    broker = Broker(prompt=False)
    blocks = [Block(CLICKS, 0, [view(offset)]) for offset in range(2)]
    for block in blocks:
        broker.ingest.give(block)
        await broker.ingest.flush()

    draining = asyncio.create_task(broker.ingest.drain())
    await settled()
    draining.cancel()
    await settled()
    for future in broker.futures:
        future.set_result(None)
    await settled()
    await broker.ingest.flush()

    assert [block.is_durable for block in blocks] == [True, True]


async def test_a_drain_in_the_middle_of_an_append_does_not_forget_whose_it_is():
    broker = Broker()
    block = Block(CLICKS, 0, [view(0)])
    broker.ingest.give(block)

    flushing = asyncio.create_task(broker.ingest.flush())
    await asyncio.sleep(0)
    await broker.ingest.drain()
    await flushing
    await settled()

    assert block.is_durable

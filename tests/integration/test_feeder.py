"""What is fed is on Kafka: all of it, in order, each shopper on one partition, and log time after it."""

import asyncio
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.partitioner import murmur2
from click.testing import CliRunner

from schemas.progress import decode_clock
from schemas.topics import CART, CLICK, CLOCK, INTERVENTIONS, PURCHASE, Topic, named
from streams.commands.produce import produce
from streams.commands.watch import watch
from streams.feed import Arrival
from streams.feeder import Feeder
from streams.replay.formats.rees46 import HEADER
from streams.sender import Sender, SendFailed
from streams.settings import Settings
from streams.topics import create
from tests.schemas.samples import SAMPLES

WITHIN_S = 30
START_MS = 1_569_888_000_000
ROWS = (
    b"2019-10-01 00:00:00 UTC,view,1,2,a.b,c,5.0,u1,s1",
    b"2019-10-01 00:00:10 UTC,cart,1,2,a.b,c,5.0,u1,s1",
    b"2019-10-01 00:01:00 UTC,purchase,1,2,a.b,c,5.0,u1,s1",
    b"2019-10-01 00:01:00 UTC,view,1,2",
)


@pytest.fixture(params=["embedded_broker", pytest.param("kafka", marks=pytest.mark.kafka)])
async def settings(request: pytest.FixtureRequest) -> Settings:
    """Settings of each broker in turn, with topics of this test's own, created."""
    found = Settings(broker=request.getfixturevalue(request.param), topic_prefix=f"{uuid.uuid4().hex[:8]}.")
    await create(found)
    return found


async def read(settings: Settings, topic: Topic) -> list[Any]:
    """All that a topic holds now, partition by partition."""
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.broker, isolation_level="read_committed")
    await consumer.start()
    try:
        name = named(topic, settings.topic_prefix)
        consumer.assign([TopicPartition(name, partition) for partition in range(topic.partitions)])
        await consumer.seek_to_beginning()
        ends, found = await consumer.end_offsets(list(consumer.assignment())), list[Any]()
        deadline = time.monotonic() + WITHIN_S
        while any([await consumer.position(part) < end for part, end in ends.items()]):
            assert time.monotonic() < deadline, f"{name} was not read to its end within {WITHIN_S} s"
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found += records
        return sorted(found, key=lambda record: (record.partition, record.offset))
    finally:
        await consumer.stop()


def views(count: int, every_ms: int, shoppers: int = 100) -> list[Arrival]:
    return [
        Arrival(START_MS + number * every_ms, CLICK.name, b"u-%d" % (number % shoppers), b"%d" % number)
        for number in range(count)
    ]


def clocks(records: list[Any]) -> list[int]:
    return [decode_clock(record.value).at_ms for record in records]


async def test_everything_arrives_once_and_each_shoppers_events_in_order_on_one_partition(settings: Settings) -> None:
    counts = await Feeder(settings, speed=0).feed(views(10_000, every_ms=20))

    records = await read(settings, CLICK)
    assert counts == {CLICK.name: 10_000}
    assert sorted(int(record.value) for record in records) == list(range(10_000))
    assert all(record.partition == (murmur2(record.key) & 0x7FFFFFFF) % 8 for record in records)
    by_shopper: dict[bytes, list[int]] = {}
    for record in records:
        by_shopper.setdefault(record.key, []).append(int(record.value))
    assert all(numbers == sorted(numbers) for numbers in by_shopper.values())


async def test_log_time_begins_with_the_first_event_rises_and_ends_after_the_run_on(settings: Settings) -> None:
    feeder = Feeder(settings, speed=0)

    await feeder.feed(views(10_000, every_ms=20), run_on=1_800_000)

    told = clocks(await read(settings, CLOCK))
    assert told[0] == START_MS
    assert told == sorted(set(told)) == [log_ms for log_ms, _ in feeder.clocks.pairs]
    assert told[-1] == START_MS + 9_999 * 20 + 1_800_000


async def test_what_is_before_the_clock_was_sent_before_the_clock(settings: Settings) -> None:
    await Feeder(settings, speed=20).feed(views(1_000, every_ms=30), run_on=1_000)

    sent_ms = {START_MS + int(record.value) * 30: record.timestamp for record in await read(settings, CLICK)}
    times = await read(settings, CLOCK)
    assert len(times) > 5
    for clock, at_ms in zip(times, clocks(times), strict=True):
        assert all(when_ms <= clock.timestamp for log_ms, when_ms in sent_ms.items() if log_ms < at_ms)


async def test_speed_holds_and_what_log_time_was_sent_when_can_be_asked(settings: Settings) -> None:
    feeder = Feeder(settings, speed=10)

    await feeder.feed(views(200, every_ms=50), run_on=0)

    begun_s = feeder.clocks.pairs[0][1]
    first, middle, last = (feeder.sent.wall_s_of(START_MS + number * 50) for number in (0, 100, 199))
    assert first is not None
    assert middle is not None
    assert last is not None
    assert begun_s <= first < middle < last <= time.time()
    assert middle >= begun_s + 0.5
    assert last >= begun_s + 0.99


async def test_the_run_on_is_told_even_when_it_is_shorter_than_a_second(settings: Settings) -> None:
    await Feeder(settings, speed=1).feed(views(1, every_ms=1), run_on=10)

    assert clocks(await read(settings, CLOCK)) == [START_MS, START_MS + 10]


async def test_records_without_a_key_and_with_headers_arrive_as_they_are(settings: Settings) -> None:
    headers = (("x-shop-source", b"log.csv:7"),)
    odd = [Arrival(START_MS, CLICK.name, None, b"\x00\xff", headers), Arrival(START_MS, CART.name, b"u", b"")]

    await Feeder(settings, speed=0).feed(odd, run_on=0)

    (click,), (cart,) = await read(settings, CLICK), await read(settings, CART)
    assert (click.key, click.value, click.headers) == (None, b"\x00\xff", headers)
    assert (cart.key, cart.value) == (b"u", b"")


@pytest.mark.kafka
async def test_a_topic_that_is_missing_is_told_in_one_line(kafka: str) -> None:
    async with Sender(kafka, f"{uuid.uuid4().hex[:8]}.", acknowledged_within_s=2) as sender:
        with pytest.raises(SendFailed, match=r"^no topic .*shop\.events\.click\.v1 on .*; run `kairos topics create`$"):
            await sender.send(views(1, every_ms=1))


def test_produce_sends_a_file_and_tells_its_bad_lines(tmp_path: Path, broker: str) -> None:
    log, environment = tmp_path / "log.csv", {"KAIROS_TOPIC_PREFIX": f"{uuid.uuid4().hex[:8]}."}
    log.write_bytes(b"\r\n".join([HEADER, *ROWS]))
    settings = Settings(broker=broker, topic_prefix=environment["KAIROS_TOPIC_PREFIX"])
    arguments = [str(log), "--speed", "0", "--broker", broker, "--run-on", "5"]

    early = CliRunner().invoke(produce, arguments, env=environment)
    asyncio.run(create(settings))
    result = CliRunner().invoke(produce, arguments, env=environment)

    assert early.exit_code == 1
    assert f"no topic {settings.topic_prefix}shop.events.click.v1" in early.output
    assert result.exit_code == 0
    assert "4 records of log.csv (rees46)" in result.output
    assert "bad lines, sent as they are to become dead letters: 1 (log.csv:5)" in result.output
    assert [len(asyncio.run(read(settings, topic))) for topic in (CLICK, CART, PURCHASE)] == [2, 1, 1]
    assert clocks(asyncio.run(read(settings, CLOCK)))[-1] == START_MS + 60_000 + 5_000


@pytest.mark.kafka
def test_watch_shows_what_was_committed_and_not_what_was_aborted(kafka: str) -> None:
    settings = Settings(broker=kafka, topic_prefix=f"{uuid.uuid4().hex[:8]}.")
    asyncio.run(create(settings))
    asyncio.run(_commit_one_and_abort_one(settings))
    arguments = ["--from-start", "--limit", "1", "--seconds", "20", "--broker", kafka]

    result = CliRunner().invoke(watch, arguments, env={"KAIROS_TOPIC_PREFIX": settings.topic_prefix})

    lines = [line for line in result.output.splitlines() if not line.startswith("watching")]
    assert result.exit_code == 0
    assert len(lines) == 1
    assert "issued      cart_nudge     u-1" in lines[0]


async def _commit_one_and_abort_one(settings: Settings) -> None:
    topic, sample = named(INTERVENTIONS["cart_nudge"], settings.topic_prefix), SAMPLES["intervention"]
    value = sample.encode(sample.record)
    producer = AIOKafkaProducer(bootstrap_servers=settings.broker, transactional_id=settings.topic_prefix)
    await producer.start()
    try:
        await producer.begin_transaction()
        await producer.send_and_wait(topic, value.replace(b"u-1", b"u-aborted"), key=b"u-1")
        await producer.abort_transaction()
        async with producer.transaction():
            await producer.send_and_wait(topic, value, key=b"u-1")
    finally:
        await producer.stop()

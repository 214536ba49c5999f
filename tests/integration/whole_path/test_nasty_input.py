"""Whatever stands on a topic, ours or the shop's: no worker ends of it, and nothing is lost in silence."""

from collections.abc import Iterable

import pytest
from aiokafka import AIOKafkaProducer

from schemas.dead_letters import PREFIX
from schemas.progress import Progress, encode
from schemas.timeline import Tick, encode_tick
from schemas.topics import CART, CLICK, CLOCK, DLQ, INPUTS, PROGRESS, TIMELINE, dead_letters_of
from streams.core.letters import CUT_HEADER
from streams.transport.batches import send_batches
from tests.integration.whole_path.accounts import settled_accounts
from tests.integration.whole_path.nasty import MB, Nasty, corpus
from tests.integration.whole_path.raw_names import produce_raw_header_name
from tests.integration.whole_path.shop_path import ShopPath

pytestmark = [pytest.mark.kafka]
AT_MS = 1_790_000_000_000
CODECS = (None, "gzip", "snappy", "lz4", "zstd")
GARBAGE = [
    (None, b"hello"), (b"ann", b"hello"), (b"ann", None), (b"", b""), (None, b"\x07" * 60),
    (b"ann", b"\x01" + b"\xff" * 90), (b"\xff\xfe", b"x" * MB), (None, encode_tick(Tick(1 << 61, 0))),
]  # fmt: skip


@pytest.fixture
def open_rules(kafka, tmp_path):
    """Makes a shop's path without a model: what is told here does not depend on one."""
    return lambda **settings: ShopPath(kafka, tmp_path, **{"model": "", "triton": ""} | settings)


async def produce(path: ShopPath, records: Iterable[Nasty], **how) -> None:
    prefix = path.settings.topic_prefix
    options = {"max_request_size": 64 * MB, "max_batch_size": 64 * MB} | how
    async with AIOKafkaProducer(bootstrap_servers=path.settings.broker, **options) as producer:
        for number, (topic, *record) in enumerate(records):
            partition = number % len(await producer.partitions_for(prefix + topic))
            await send_batches(producer, prefix + topic, partition, [tuple(record)], AT_MS)  # `send` refuses some
        await producer.flush()


async def in_a_transaction(path: ShopPath, records: list[Nasty], commit: bool) -> None:
    prefix, id_ = path.settings.topic_prefix, f"{path.settings.topic_prefix}{commit}"
    async with AIOKafkaProducer(bootstrap_servers=path.settings.broker, transactional_id=id_) as producer:
        await producer.begin_transaction()
        for record in records:
            await producer.send(prefix + record.topic, record.value, record.key or b"", headers=record.headers)
        await (producer.commit_transaction() if commit else producer.abort_transaction())


async def test_a_few_hundred_nasty_records_all_become_timeline_records_or_dead_letters(open_rules, short_log):
    nasty = list(corpus(seed=4))
    async with open_rules() as path:
        workers = [await path.worker(), await path.worker()]
        for number, codec in enumerate(CODECS):
            await produce(path, nasty[number :: len(CODECS)], compression_type=codec)
        small = [record for record in nasty if len(record.value or b"") < 1_000 and len(record.headers) < 9]
        await in_a_transaction(path, small[::3], commit=True)
        await in_a_transaction(path, small[::3], commit=False)
        await path.feed(short_log[:200])
        await path.settled()
        accounts = await settled_accounts(path)
        letters = await path.read(*(dead_letters_of(topic).name for topic in INPUTS))

        assert all(worker.running for worker in workers)
    print(f"{len(nasty)} nasty records, {len(accounts.dead_letters)} dead letters, {len(accounts.timeline)} believed")
    assert len(accounts.read) == len(nasty) + len(small[::3]) + 200
    assert len(accounts.dead_letters) > len(nasty) / 2
    cut = {place(letter): letter for letter in letters if dict(letter.headers).get(CUT_HEADER, b"").startswith(b"cut:")}
    assert sorted(len(letter.value) > 900_000 for letter in cut.values()) == [False, False, True, True]
    assert all(dict(letter.headers)[PREFIX + "exception.message"] for letter in letters)


def place(letter) -> tuple[bytes, ...]:
    """Where its record came from: who joins while it is read may bring it twice."""
    told = dict(letter.headers)
    return tuple(told[PREFIX + name] for name in ("topic", "partition", "offset"))


async def test_a_header_name_that_is_no_utf_8_ends_nobody(open_rules, short_log):
    async with open_rules() as path:
        worker = await path.worker()
        name = path.settings.topic_prefix + CLICK.name
        await produce_raw_header_name(path.settings.broker, name, b"\xff\xfeid", [b"first", b"second"])
        await path.feed(short_log[:50])
        await path.settled()
        letters = await path.read(dead_letters_of(CLICK).name)

        assert worker.running
    by_value = {letter.value: letter for letter in letters}
    assert by_value[b"first"].headers[0] == ("\\xff\\xfeid", b"1")
    assert by_value[b"second"].key == b"ann"


async def test_garbage_on_our_own_topics_ends_nobody_and_is_told(open_rules, short_log):
    async with open_rules() as path:
        first = await path.worker()
        await path.feed(short_log[:300], run_on_ms=0)
        await write_garbage(path)
        await path.feed(short_log[300:])
        await path.settled()
        second = await path.worker()  # reads all of it from the beginning
        await path.joined(2)
        await path.settled()
        recorded = await path.checked()
        letters = await path.read(TIMELINE.name + DLQ)

        assert first.running and second.running
        assert "expected a record of progress" in first.log.read_text()
        assert "expected a record of log time" in second.log.read_text()
    assert len(letters) == len(GARBAGE) * path.settings.timeline_partitions
    places = {
        tuple(dict(letter.headers)[PREFIX + name] for name in ("topic", "partition", "offset")) for letter in letters
    }
    assert len(places) == len(letters)
    assert all(
        b"expected a timeline record, got" in dict(letter.headers)[PREFIX + "exception.message"] for letter in letters
    )
    assert sum(shopper.events for shopper in recorded.shoppers.values()) > 300


async def write_garbage(path: ShopPath) -> None:
    prefix, count = path.settings.topic_prefix, path.settings.timeline_partitions
    half = encode(Progress(at_ms=-1, offset=0))[:-1]
    async with AIOKafkaProducer(bootstrap_servers=path.settings.broker, max_request_size=16 * MB) as producer:
        for key, value in GARBAGE:
            for partition in range(count):
                await producer.send_and_wait(prefix + TIMELINE.name, value, key, partition=partition)
        for value in (b"", b"hello", b'{"at_ms":1e99,"offset":0}', b"\xff", half):
            await producer.send_and_wait(prefix + CLOCK.name, value, None, partition=0)
            for key in (b"", b"\xff", b"no partition", f"{prefix}{CART.name}/0".encode()):
                await producer.send_and_wait(prefix + PROGRESS.name, value, key, partition=0)

"""What cannot be believed is kept as it came, with the reason beside it."""

import pytest
from aiokafka import AIOKafkaProducer

from schemas.topics import CART, CLICK, PURCHASE, dead_letters_of
from streams.feed import Arrival

pytestmark = [pytest.mark.kafka, pytest.mark.triton]
AT_MS = 1_790_000_000_000
WORDS_AS_PRICE = (
    b'{"event":"Product Added","messageId":"m1","userId":"ann","timestamp":"2026-09-21T14:13:20Z",'
    b'"properties":{"product_id":"mug","price":"a lot","currency":"EUR"}}'
)
REFUSED = [
    Arrival(AT_MS, CLICK.name, b"ann", b"\xff\x00 not json", (("x-trace", b"\xf0\x28\x8c\xbc"), ("x-trace", b"again"))),
    Arrival(AT_MS, CLICK.name, None, b"", ()),
    Arrival(AT_MS, CLICK.name, b"\xfe\xff", b'{"event":"Song Played"}', (("x-shop-source", b"songs.csv:12"),)),
    Arrival(AT_MS, CART.name, b"ann", WORDS_AS_PRICE, (("__connect.errors.topic", b"elsewhere"), ("empty", b""))),
    Arrival(AT_MS, PURCHASE.name, b"", b'{"event":"Order Completed","userId":"ann"}', ()),
]
REASONS = {
    REFUSED[0].value: ("DECODE", "undecodable"),
    REFUSED[1].value: ("DECODE", "undecodable"),
    REFUSED[2].value: ("VALIDATE", "unknown_type"),
    REFUSED[3].value: ("VALIDATE", "invalid_value"),
    REFUSED[4].value: ("VALIDATE", "missing_field"),
}


async def test_dead_letters_keep_key_value_and_headers_to_the_byte_and_say_what_where_and_why(open_path):
    async with open_path() as path:
        await path.worker()
        await path.feed(REFUSED)
        await path.settled()
        found = {topic: await path.read(dead_letters_of(topic).name) for topic in (CLICK, CART, PURCHASE)}

    assert {topic.name: len(letters) for topic, letters in found.items()} == {
        CLICK.name: 3,
        CART.name: 1,
        PURCHASE.name: 1,
    }
    for sent in REFUSED:
        (letter,) = [letter for letters in found.values() for letter in letters if letter.value == sent.value]
        added = dict(letter.headers[len(sent.headers) :])
        reason = added["__connect.errors.exception.message"].decode()
        stage, failure = REASONS[sent.value]

        assert letter.key == sent.key
        assert tuple(letter.headers[: len(sent.headers)]) == sent.headers
        assert added["__connect.errors.stage"].decode() == stage
        assert added["__connect.errors.exception.class.name"].decode() == failure
        assert reason.startswith("expected ") and ", got " in reason and "\n" not in reason
        assert f"{sent.topic}/" in reason
        assert int(added["__connect.errors.offset"]) >= 0 and int(added["__connect.errors.partition"]) in range(8)
        assert "__connect.errors.topic" in dict(letter.headers)
        assert all(value.decode() in reason for name, value in sent.headers if name == "x-shop-source")


async def test_a_record_without_a_value_or_with_an_empty_header_is_a_dead_letter_too(open_path):
    async with open_path() as path:
        async with AIOKafkaProducer(bootstrap_servers=path.settings.broker) as producer:
            name = path.settings.topic_prefix + CLICK.name
            await producer.send_and_wait(name, None, key=b"gone", headers=[("nothing", None)])
        await path.worker()
        await path.feed(REFUSED[2:3])
        await path.settled()
        letters = await path.read(dead_letters_of(CLICK).name)

    (letter,) = [letter for letter in letters if letter.key == b"gone"]
    assert letter.value is None
    assert letter.headers[0] == ("nothing", None)
    assert "got no value" in dict(letter.headers)["__connect.errors.exception.message"].decode()

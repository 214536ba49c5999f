"""A few hundred records that no shop should send, and that somebody will."""

import json
from collections.abc import Iterator
from random import Random
from typing import NamedTuple

from schemas.topics import INPUTS

MB = 1 << 20
GOOD = {
    "event": "Product Added", "messageId": "m", "userId": "ann", "timestamp": "2026-09-21T14:13:20Z",
    "properties": {"product_id": "mug", "price": 9.5, "currency": "EUR"},
}  # fmt: skip


class Nasty(NamedTuple):
    """A record for an input topic."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]


def corpus(seed: int) -> Iterator[Nasty]:
    """Every kind of value on every input topic, with every kind of key and of header in turn."""
    random = Random(seed)
    keys, headers = list(_keys()), list(_headers())
    for topic in INPUTS:
        for number, value in enumerate([*_values(), *_cut_and_flipped(random)]):
            yield Nasty(topic.name, keys[number % len(keys)], value, headers[number % len(headers)])
    for topic in INPUTS[:2]:
        yield Nasty(topic.name, b"ann", b"x" * (10 * MB), [("trace", b"1")])
        yield Nasty(topic.name, b"ann", _json(note="y" * (10 * MB)), [])
        yield Nasty(topic.name, b"k" * (2 * MB), b"{", [("huge", b"h" * (3 * MB)), ("huge", b"h" * (3 * MB))])


def _values() -> Iterator[bytes | None]:
    yield from (
        None,
        b"",
        b" ",
        b"\x00",
        b"\x00\x00\x00\x00\x01",
        b"\x00\x00\x00\x00\x01{}",
        b"\xff\xfe",
        b"null",
        b"[]",
    )
    yield from (b'"text"', b"1e999", b"{", b"{}", b'{"event":1}', b'{"event":"Product Added"}', b"\xef\xbb\xbf{}")
    yield b"[" * 100_000
    yield b'{"a":' * 50_000 + b"1" + b"}" * 50_000
    yield b'{"event":"Product Viewed","event":"Product Added","userId":"ann","userId":"bob"}'
    yield _json()
    yield _json(userId="\x00meta")
    yield _json(userId="u" * 5_000)
    yield _json(userId=None, anonymousId=None)
    yield _json(messageId="m" * 101)
    yield _json(event="\ud83d\ude00 bought")
    for time in (0, -1, 1 << 62, 10**400, "yesterday", "2026-09-21T14:13:20", "9999-12-31T23:59:59Z", 1.5):
        yield _json(timestamp=time)
    for price in (-1, 1e8, "free", None, [1], 10**30):
        yield _json(properties=GOOD["properties"] | {"price": price})
    for quantity in (0, -3, 1.5, 10**6, True):
        yield _json(properties=GOOD["properties"] | {"quantity": quantity})
    yield b'{"properties":{"price":NaN}}'
    yield _json(event="Cart Viewed", properties={"products": [{"product_id": "p" * 90, "name": "n" * 999}] * 400})
    yield _json(event="Cart Viewed", properties={"products": [{"product_id": "p"}] * 501})
    yield _json(event="Segment Consent Preference Updated", context={"consent": {"categoryPreferences": {}}})


def _cut_and_flipped(random: Random) -> Iterator[bytes]:
    whole = _json()
    for _ in range(15):
        yield whole[: random.randrange(len(whole))]
        flipped = bytearray(whole)
        flipped[random.randrange(len(flipped))] ^= 1 << random.randrange(8)
        yield bytes(flipped)


def _keys() -> Iterator[bytes | None]:
    yield from (None, b"", b"ann", b"\xff\xfe", b"\x00meta", b"k" * 10_000)


def _headers() -> Iterator[list[tuple[str, bytes | None]]]:
    yield from ([], [("", b"")], [("none", None)], [("x-shop-source", b"\xff\n\x00 file.csv:1")])
    yield [("content-type", b"application/cloudevents+json")]
    yield [("content-type", b"application/cloudevents+avro; charset=\xff")]
    yield [("traceparent", b"\xff" * 60), ("__connect.errors.stage", b"mine"), ("x-shop-cut", b"mine")]
    yield [(f"h{number}", b"v") for number in range(2_000)]


def _json(**changes: object) -> bytes:
    return json.dumps(GOOD | changes).encode()

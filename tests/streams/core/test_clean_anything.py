"""Any bytes at all give a timeline record or a dead letter, and always the same one."""

from json import dumps
from typing import Any

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.dead_letters import DeadLetter
from schemas.interventions import iso
from schemas.kinds import NAMES
from schemas.timeline import decode_entry, encode_entry
from streams.core.clean import Cleaned, CleanRules, Input, clean

NOW = 1_700_000_000_000
NUMBERS = st.integers() | st.floats() | st.sampled_from([0, 1, -1, NOW, 1 << 47, 1 << 63, 1 << 64, 10**400, 1e308])
SCALARS = (
    st.none() | st.booleans() | NUMBERS | st.text() | st.sampled_from(["", "EUR", "2023-11-14T22:13:20Z", "0001-01-01"])
)
ANYTHING = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10)
TIMES = st.integers(0, 1 << 48) | st.datetimes().map(lambda at: at.isoformat() + "Z") | SCALARS
RECENT = st.integers(NOW - 10**9, NOW + 50_000)
PRODUCT = {
    "product_id": st.text(min_size=1, max_size=100), "category": st.text(), "name": st.none(),
    "price": st.floats(0, 1e7), "quantity": st.integers(1, 100_000), "currency": st.sampled_from(["EUR", "JPY", "KWD"]),
}  # fmt: skip
PROPERTIES = {
    **PRODUCT, "products": st.lists(st.fixed_dictionaries(PRODUCT), max_size=3), "cart_id": st.text(),
    "order_id": st.text(min_size=1, max_size=100), "total": st.floats(0, 1e7) | st.none(), "query": st.text(),
}  # fmt: skip
CONSENT = st.dictionaries(st.text(min_size=1, max_size=3), st.booleans(), min_size=1)
VALID = {
    "event": st.sampled_from([*NAMES.values()]),
    "messageId": st.text(min_size=1, max_size=100),
    "userId": st.text(min_size=1, max_size=110),
    "originalTimestamp": RECENT | RECENT.map(iso),
    "receivedAt": st.none() | RECENT,
    "context": st.fixed_dictionaries({"consent": st.fixed_dictionaries({"categoryPreferences": CONSENT})}),
}


def changed(names: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    """Nothing, or anything, in place of at most two fields."""
    anything = st.dictionaries(st.sampled_from(names), TIMES | ANYTHING, max_size=2)
    return st.one_of(st.just({}), anything)


EVENTS = st.builds(
    lambda event, properties, worse, odd: {**event, "properties": {**properties, **odd}, **worse},
    st.fixed_dictionaries(VALID),
    st.fixed_dictionaries(PROPERTIES),
    changed([*VALID, "properties", "anonymousId", "timestamp", "sentAt"]),
    changed([*PROPERTIES]),
)
HEADER_NAMES = st.sampled_from(["content-type", "traceparent", "x-shop-source", "other"])
HEADER_VALUES = st.none() | st.binary() | st.sampled_from([b"application/cloudevents+json", b"application/cloudevents"])
HEADERS = st.lists(st.tuples(HEADER_NAMES, HEADER_VALUES), max_size=3)
RULES = st.builds(CleanRules, max_clock_ahead_ms=st.integers(0, 1 << 50), trust_append_time=st.booleans())
APPENDED = st.integers(-1, 1 << 50) | st.just(NOW)


def json(value: Any) -> bytes:
    """JSON as Python's own encoder writes it: with NaN, lone surrogates and numbers of any size."""
    return dumps(value).encode()


def mutated(value: bytes, at: int, with_: bytes) -> bytes:
    place = at % (len(value) + 1)
    return value[:place] + with_ + value[place + len(with_) // 2 :]


MUTATED = st.builds(mutated, EVENTS.map(json), st.integers(0, 10_000), st.binary(max_size=4))
ENVELOPES = EVENTS.map(lambda event: json({"data": event}))
VALUES = st.none() | st.binary() | ANYTHING.map(json) | EVENTS.map(json) | MUTATED | ENVELOPES


def judged(value: bytes | None, headers: Any, append_ms: int, rules: CleanRules) -> Cleaned | DeadLetter:
    return clean(Input("t", 1, 3), 17, value, headers, append_ms, rules)


@settings(max_examples=600, deadline=None)
@given(VALUES, HEADERS, APPENDED, RULES)
@example(b'{"event":"Product Viewed","messageId":"\\ud800"}', [], NOW, CleanRules())
@example(b'{"event":"Product Viewed","messageId":"\xed\xa0\x80"}', [], NOW, CleanRules())
@example(b'{"a":' * 100_000, [], NOW, CleanRules())
@example(b'{"event":"Product Viewed","x":' + b"9" * 5_000 + b"}", [], NOW, CleanRules())
def test_any_bytes_give_a_record_or_a_dead_letter_of_one_line(
    value: bytes | None, headers: Any, append_ms: int, rules: CleanRules
) -> None:
    result = judged(value, headers, append_ms, rules)

    if isinstance(result, DeadLetter):
        assert result.reason.isprintable()
        assert len(result.reason) < 600
        result.reason.encode()
    else:
        key, record, at_ms = result
        entry = decode_entry(record)
        assert 0 < len(key) <= 400
        assert key[0] >= ord(" ")
        assert (entry.source, entry.slot.at_ms) == ((1, 3, 17, 0), at_ms)
        assert encode_entry(*entry) == record
    assert judged(value, headers, append_ms, rules) == result


@given(EVENTS, HEADERS)
def test_the_producers_frame_does_not_change_the_verdict(event: Any, headers: Any) -> None:
    plain = [(name, value) for name, value in headers if name != "content-type"]
    value = json(event)

    structured = [("content-type", b"application/cloudevents+json"), *plain]
    verdicts = [
        judged(value, plain, NOW, CleanRules()),
        judged(b"\x00\x00\x00\x00\x01" + value, plain, NOW, CleanRules()),
        judged(b'{"data":' + value + b"}", structured, NOW, CleanRules()),
    ]

    failures = [v.failure if isinstance(v, DeadLetter) else v for v in verdicts]
    assert failures[0] == failures[1] == failures[2]


@given(EVENTS)
def test_an_event_that_is_believed_is_believed_again_from_its_own_json(event: Any) -> None:
    result = judged(json(event), [], NOW, CleanRules())

    if isinstance(result, tuple):
        assert judged(msgspec.json.encode(msgspec.json.decode(json(event))), [], NOW, CleanRules()) == result

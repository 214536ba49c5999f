"""The checks of ingest, in their order, with the line that a person reads for each failure."""

from typing import Any

import msgspec
import pytest

from schemas.dead_letters import DeadLetter
from schemas.timeline import decode_entry
from streams.core.clean import Cleaned, CleanRules, Input, clean

NOW = 1_700_000_000_000
SOURCE = Input("shop.events.cart.v1", 2, 3)
PRICED = {"product_id": "mug", "price": 5, "currency": "EUR"}
NAMES = (
    "Product Viewed, Product List Viewed, Product Clicked, Products Searched, Product Added, Product Removed, "
    "Cart Viewed, Checkout Started, Order Completed, Order Refunded, Segment Consent Preference Updated"
)


def added(**fields: Any) -> dict[str, Any]:
    return {
        "event": "Product Added", "messageId": "m1", "userId": "ada", "originalTimestamp": NOW, "properties": PRICED,
        **fields,
    }  # fmt: skip


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in added().items() if key != name}


def cart(*products: Any) -> dict[str, Any]:
    return added(event="Cart Viewed", properties={"products": products})


def consent(context: Any) -> dict[str, Any]:
    return {**without("properties"), "event": "Segment Consent Preference Updated", "context": context}


def cleaned(event: Any, headers: Any = ()) -> Cleaned | DeadLetter:
    value = event if isinstance(event, bytes | None) else msgspec.json.encode(event)
    return clean(SOURCE, 17, value, headers, NOW, CleanRules())


def refusal(event: Any, headers: Any = ()) -> tuple[str, str, str]:
    letter = cleaned(event, headers)
    assert isinstance(letter, DeadLetter)
    return letter.stage, letter.failure, letter.reason


def test_a_valid_event_becomes_a_timeline_record_under_the_key_of_its_shopper() -> None:
    result = cleaned(added())

    assert isinstance(result, tuple)
    key, value, at_ms = result
    assert (key, at_ms) == (b"ada", NOW)
    assert decode_entry(value).source == (2, 3, 17, 0)
    assert decode_entry(value).slot.at_ms == NOW


AT = "; at shop.events.cart.v1/3@17"


@pytest.mark.parametrize(
    ("value", "came"),
    [
        (None, "no value"),
        (b"", "an empty value"),
        (b'{"event":', """b'{"event":' (Input data was truncated)"""),
        (b"5,3\n", r"b'5,3\n' (JSON is malformed: trailing characters (byte 2))"),
        (b'{"event": NaN}', """b'{"event": NaN}' (JSON is malformed: invalid character (byte 10))"""),
        (b'["\xff"]', r"""b'["\xff"]' ('utf-8' codec can't decode byte 0xff in position 0: invalid start byte)"""),
        (b"[]", "[]"),
        (b'"Product Added"', "'Product Added'"),
        (b"null", "null"),
        (b"[" * 100_000, "b'" + "[" * 36 + "..." + "[" * 38 + "' (nested too deeply)"),
        (b"\x00\x00\x00\x00\x09", "b'' (Input data was truncated)"),
    ],
)  # fmt: skip
def test_what_is_no_json_object_is_undecodable(value: bytes | None, came: str) -> None:
    assert refusal(value) == ("DECODE", "undecodable", f"expected a JSON object, got {came}{AT}")


@pytest.mark.parametrize(
    ("event", "came"),
    [
        (added(event="Product Sold"), "'Product Sold'"),
        (added(event=5), "5"),
        (added(event=None), "none"),
        ({}, "none"),
        (added(event="x" * 10_000_000), "'" + "x" * 37 + "..." + "x" * 38 + "'"),
    ],
)
def test_an_event_that_kairos_does_not_know_is_of_unknown_type(event: Any, came: str) -> None:
    assert refusal(event) == ("VALIDATE", "unknown_type", f"expected event to be one of {NAMES}, got {came}{AT}")


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (without("messageId"), "expected messageId, got nothing"),
        (added(messageId=None), "expected messageId, got nothing"),
        (without("properties"), "expected properties, got nothing"),
        (added(properties={"price": 5, "currency": "EUR"}), "expected properties.product_id, got nothing"),
        (added(properties={**PRICED, "price": None}), "expected properties.price, got nothing"),
        (added(properties={"product_id": "mug", "price": 5}), "expected properties.currency, got nothing"),
        (cart({"product_id": "mug"}, {}), "expected properties.products[1].product_id, got nothing"),
        (without("userId"), "expected userId or anonymousId, got neither"),
        (added(userId="", anonymousId=""), "expected userId or anonymousId, got neither"),
        (without("originalTimestamp"), "expected originalTimestamp or timestamp, got neither"),
        (consent({}), "expected context.consent.categoryPreferences, got none"),
        (consent({"consent": {"categoryPreferences": {}}}), "expected context.consent.categoryPreferences, got none"),
        (without("properties") | {"event": "Segment Consent Preference Updated"}, "expected context, got nothing"),
    ],
)
def test_what_is_required_and_not_there_is_a_missing_field(event: Any, reason: str) -> None:
    assert refusal(event) == ("VALIDATE", "missing_field", reason + AT)


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (added(messageId=7), "expected `str` in messageId, got 7"),
        (added(messageId=""), "expected `str` of length >= 1 in messageId, got ''"),
        (added(userId=7), "expected `str | null` in userId, got 7"),
        (added(userId=0), "expected `str | null` in userId, got 0"),
        (added(properties=[]), "expected `object` in properties, got []"),
        (added(properties={**PRICED, "price": -1}), "expected `float` >= 0.0 in properties.price, got -1"),
        (added(properties={**PRICED, "price": "5"}), "expected `float` in properties.price, got '5'"),
        (added(properties={**PRICED, "price": 1e8}),
         "expected `float` <= 10000000.0 in properties.price, got 100000000.0"),
        (added(properties={**PRICED, "quantity": 0}), "expected `int` >= 1 in properties.quantity, got 0"),
        (cart({"product_id": "a"}, 5), "expected `object` in properties.products[1], got 5"),
        (cart({"product_id": ""}), "expected `str` of length >= 1 in properties.products[0].product_id, got ''"),
        (cart(*[{"product_id": "a"}] * 501), "expected at most 500 products, got 501"),
        (consent({"consent": {"categoryPreferences": {"ads": 1}}}),
         "expected `bool` in context.consent.categoryPreferences[...], got {'ads': 1}"),
        (consent({"consent": {"categoryPreferences": {str(n): True for n in range(101)}}}),
         "expected at most 100 categories in context.consent.categoryPreferences, got 101"),
        (msgspec.json.encode(added()).replace(b":5,", b":1e999,"),
         "expected `float` <= 10000000.0 in properties.price, got inf"),
    ],
)  # fmt: skip
def test_what_has_the_wrong_type_or_is_out_of_range_is_an_invalid_value(event: Any, reason: str) -> None:
    event = msgspec.json.Encoder().encode(event) if not isinstance(event, bytes) else event

    assert refusal(event) == ("VALIDATE", "invalid_value", reason + AT)


@pytest.mark.parametrize("currency", ["eur", "EURO", "E1R", "EUR\n", "€€€", ""])
def test_a_currency_is_three_capital_letters(currency: str) -> None:
    stage, failure, reason = refusal(added(properties={**PRICED, "currency": currency}))

    assert (stage, failure) == ("VALIDATE", "invalid_value")
    assert reason.endswith(f"in properties.currency, got {currency!r}{AT}")


def test_an_event_far_ahead_of_the_broker_is_refused_by_the_clock() -> None:
    event = added(originalTimestamp=NOW + 60_001)

    assert refusal(event) == (
        "CLOCK", "clock_ahead",
        "expected an event at most 60000 ms ahead of 2023-11-14T22:13:20.000Z, "
        f"got 2023-11-14T22:14:20.001Z, 60001 ms ahead{AT}",
    )  # fmt: skip


def test_the_checks_come_in_the_promised_order() -> None:
    far, bad, absent, unknown = NOW + 10**9, {**PRICED, "price": -1}, {"price": -1}, "Product Sold"

    failures = [
        refusal(added(originalTimestamp=far))[1],
        refusal(added(originalTimestamp=far, properties=bad))[1],
        refusal(added(originalTimestamp=far, userId="x" * 101))[1],
        refusal(added(originalTimestamp=far, properties=absent))[1],
        refusal({**added(originalTimestamp=far, properties=bad), "userId": ""})[1],
        refusal(added(originalTimestamp=far, properties=absent, event=unknown))[1],
        refusal(msgspec.json.encode(added(originalTimestamp=far, properties=absent, event=unknown))[:-1])[1],
    ]

    assert failures == [
        "clock_ahead", "invalid_value", "invalid_value", "missing_field", "missing_field",
        "unknown_type", "undecodable",
    ]  # fmt: skip


def test_null_counts_as_absent() -> None:
    event = added(userId=None, anonymousId="a1", properties={**PRICED, "category": None, "quantity": None})
    plain = {**without("userId"), "anonymousId": "a1"}

    assert cleaned(event) == cleaned(plain)


def test_of_a_field_that_stands_twice_the_last_counts() -> None:
    value = msgspec.json.encode(added()).replace(b'"userId":"ada"', b'"userId":"bob","userId":"ada"')

    assert cleaned(value) == cleaned(added())


def test_what_kairos_does_not_know_is_ignored() -> None:
    event = added(integrations={"All": [1, {"deep": None}]}, type="track", properties={**PRICED, "brand": 5})

    assert cleaned(event) == cleaned(added())


def test_a_producer_can_say_in_a_header_where_the_record_comes_from() -> None:
    _, _, reason = refusal(b"[]", [("x-shop-source", b"orders.csv:17\n\xff")])

    assert reason == f"expected a JSON object, got []{AT} (orders.csv:17?\N{REPLACEMENT CHARACTER})"


def test_a_value_of_ten_megabytes_is_judged_like_any_other() -> None:
    assert cleaned(added(context={"page": "x" * 10_000_000})) == cleaned(added())
    assert refusal(cart(*[{"product_id": "a"}] * 300_000))[1] == "invalid_value"

"""What of an event stands in the slot, and what in the tail."""

from typing import Any

import msgspec
import pytest
from xxhash import xxh3_64_intdigest

from schemas.kinds import NAMES, Kind
from schemas.timeline import Coordinate, Detail, Entry, Item, Slot, decode_entry, encode_entry
from streams.core.clean import CleanRules, Input, clean
from streams.core.entries import category_key, item_key

NOW = 1_700_000_000_000
MUG = {"product_id": "mug", "category": "kitchen", "name": "Mug", "price": 3.5, "quantity": 2}
GOLDEN = (
    "010203000000110000000000"  # the source
    "9d52c1e5b5aa"  # the message id
    "010068e5cf8b01cfbb78bda4c127656fea65305e010000"  # the slot
    "9ba26d319195a36d7567cd015e02a76b69746368656ea34d7567a3455552a27331a0a0a0ffa090a0"  # the tail
)
HAT = {"product_id": "hat", "price": 20}
FREE = {"product_id": "bag"}
MUG_ITEM, HAT_ITEM = Item("mug", 350, 2, "kitchen", "Mug"), Item("hat", 2_000)
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def record(kind: Kind, properties: Any = None, headers: Any = (), **fields: Any) -> bytes:
    event = {"event": NAMES[kind], "messageId": "m1", "userId": "ada", "timestamp": NOW, "properties": properties}
    result = clean(Input("t", 2, 3), 17, msgspec.json.encode({**event, **fields}), headers, NOW, CleanRules())
    assert isinstance(result, tuple), result
    return result[1]


def entry(kind: Kind, properties: Any = None, headers: Any = (), **fields: Any) -> Entry:
    return decode_entry(record(kind, properties, headers, **fields))


def slot(kind: Kind, item: str = "", category: str = "", price: int = 0) -> Slot:
    id_ = xxh3_64_intdigest(b"m1") & (1 << 48) - 1
    return Slot(kind, NOW, id_, item_key(item), category_key(category), price)


@pytest.mark.parametrize("kind", [Kind.PRODUCT_VIEWED, Kind.PRODUCT_CLICKED])
def test_a_product_stands_in_the_slot_with_the_price_of_one(kind: Kind) -> None:
    viewed = entry(kind, {**MUG, "currency": "EUR", "session_id": "s1"})

    assert viewed.source == Coordinate(2, 3, 17, 0)
    assert viewed.slot == slot(kind, "mug", "kitchen", 350)
    assert viewed.detail == Detail("m1", (MUG_ITEM,), "EUR", "s1")


def test_the_first_of_a_list_of_products_stands_in_the_slot() -> None:
    listed = entry(Kind.PRODUCT_LIST_VIEWED, {"products": [MUG, HAT], "currency": "EUR", "session_id": "s1"})

    assert listed.slot == slot(Kind.PRODUCT_LIST_VIEWED, "mug", "kitchen", 350)
    assert listed.detail == Detail("m1", (MUG_ITEM, HAT_ITEM), "EUR", "s1")


def test_a_list_lends_its_category_to_the_slot_where_its_first_product_has_none() -> None:
    for products, item in (([HAT], "hat"), ([], "")):
        listed = entry(Kind.PRODUCT_LIST_VIEWED, {"products": products, "category": "clothes"})

        assert (listed.slot.item, listed.slot.category) == (item_key(item), category_key("clothes"))


def test_a_search_has_words_and_no_product() -> None:
    searched = entry(Kind.PRODUCTS_SEARCHED, {"query": "red mug", "session_id": "s1"})

    assert searched.slot == slot(Kind.PRODUCTS_SEARCHED)
    assert searched.detail == Detail("m1", query="red mug", session_id="s1")


@pytest.mark.parametrize("kind", [Kind.PRODUCT_ADDED, Kind.PRODUCT_REMOVED])
def test_a_cart_line_names_its_cart_and_the_one_merged_into_it(kind: Kind) -> None:
    ids = {"cart_id": "c2", "previous_cart_id": "c1", "session_id": "s1"}
    line = entry(kind, {**MUG, "currency": "EUR", **ids})

    assert line.slot == slot(kind, "mug", "kitchen", 350)
    assert line.detail == Detail("m1", (MUG_ITEM,), "EUR", "s1", "c2", "c1")


def test_a_cart_is_worth_its_products_of_known_price() -> None:
    viewed = entry(Kind.CART_VIEWED, {"cart_id": "c2", "currency": "EUR", "products": [MUG, HAT, FREE]})

    assert viewed.slot == slot(Kind.CART_VIEWED, "mug", "kitchen", 350)
    assert viewed.detail == Detail("m1", (MUG_ITEM, HAT_ITEM, Item("bag")), "EUR", cart_id="c2", value=2_700)


def test_a_checkout_stands_in_the_slot_with_what_it_is_worth() -> None:
    ids = {"cart_id": "c2", "order_id": "o1", "session_id": "s1"}
    started = entry(Kind.CHECKOUT_STARTED, {"value": 25, "currency": "EUR", "products": [MUG], **ids})

    assert started.slot == slot(Kind.CHECKOUT_STARTED, "mug", "kitchen", 2_500)
    assert started.detail == Detail("m1", (MUG_ITEM,), "EUR", "s1", "c2", order_id="o1", value=2_500)


@pytest.mark.parametrize("kind", [Kind.ORDER_COMPLETED, Kind.ORDER_REFUNDED])
@pytest.mark.parametrize(
    ("given", "worth"),
    [
        ({"total": 30, "revenue": 28, "products": [MUG]}, 3_000),
        ({"revenue": 28, "products": [MUG]}, 2_800),
        ({"total": 0, "products": [MUG]}, 0),
        ({"products": [MUG, HAT, FREE]}, 2_700),
        ({"products": [FREE]}, -1),
        ({}, -1),
    ],
)
def test_an_order_is_worth_its_total_else_its_revenue_else_its_products(kind: Kind, given: Any, worth: int) -> None:
    order = entry(kind, {"order_id": "o1", "currency": "EUR", "cart_id": "c2", **given})

    assert (order.detail.value, order.slot.price) == (worth, max(worth, 0))
    assert (order.detail.order_id, order.detail.cart_id) == ("o1", "c2")


def test_consent_is_kept_by_category_in_order() -> None:
    context = {"consent": {"categoryPreferences": {"marketing": True, "ads": False}}}
    updated = entry(Kind.CONSENT_UPDATED, context=context)

    assert updated.slot == slot(Kind.CONSENT_UPDATED)
    assert updated.detail == Detail("m1", consents=(("ads", False), ("marketing", True)))


def test_a_price_too_big_for_the_slot_saturates_there_and_is_exact_in_the_tail() -> None:
    order = entry(Kind.ORDER_COMPLETED, {"order_id": "o1", "currency": "KWD", "total": 10_000_000})
    viewed = entry(Kind.PRODUCT_VIEWED, {"product_id": "a", "currency": "KWD", "price": 10_000_000})

    assert (order.slot.price, order.detail.value) == (2**32 - 1, 10_000_000_000)
    assert (viewed.slot.price, viewed.detail.items[0].price) == (2**32 - 1, 10_000_000_000)


def test_money_is_counted_in_the_minor_units_of_its_currency() -> None:
    prices = [
        entry(Kind.PRODUCT_VIEWED, {"product_id": "a", "price": 1_200, **currency}).slot.price
        for currency in ({"currency": "EUR"}, {"currency": "JPY"}, {"currency": "KWD"}, {})
    ]

    assert prices == [120_000, 1_200, 1_200_000, 120_000]


def test_an_unknown_price_is_zero_in_the_slot_and_unknown_in_the_tail() -> None:
    viewed = entry(Kind.PRODUCT_VIEWED, {"product_id": "a"})

    assert (viewed.slot.price, viewed.detail.items[0].price) == (0, -1)


@pytest.mark.parametrize("kind", list(NAMES))
def test_the_trace_of_the_record_goes_with_every_event(kind: Kind) -> None:
    properties = {"product_id": "a", "price": 1, "currency": "EUR", "query": "mug", "order_id": "o1"}
    context = {"consent": {"categoryPreferences": {"ads": True}}}
    traced = entry(kind, properties, [("other", None), ("traceparent", TRACE.encode())], context=context)

    assert (traced.slot.kind, traced.detail.traceparent) == (kind, TRACE)


@pytest.mark.parametrize("kind", list(NAMES))
def test_every_kind_is_packed_as_the_schema_says(kind: Kind) -> None:
    properties = {**MUG, "currency": "EUR", "query": "mug", "order_id": "o1", "products": [HAT, FREE], "cart_id": "c"}
    context = {"consent": {"categoryPreferences": {"ads": True}}}
    value = record(kind, properties, context=context)

    assert encode_entry(*decode_entry(value)) == value


def test_the_bytes_of_a_record_never_change() -> None:
    value = record(Kind.PRODUCT_VIEWED, {**MUG, "currency": "EUR", "session_id": "s1"})

    assert value.hex() == GOLDEN


def test_no_key_is_the_zero_that_means_none() -> None:
    assert 0 not in {item_key(str(n)) for n in range(1_000)} | {category_key(str(n)) for n in range(1_000)}
    assert (item_key(""), category_key("")) == (0, 0)

"""Google Analytics 4's export to BigQuery, as JSON Lines: one event a line, not in the order of time.

https://support.google.com/analytics/answer/7029846. BigQuery writes whole numbers as text; both are read. An event of
many products that Kairos knows by one (`add_to_cart`) becomes one arrival for each of them.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from streams.feed import Arrival
from streams.replay.formats.bad_line import bad_line
from streams.replay.formats.shop_event import Row, arrival, given


class _Value(msgspec.Struct, frozen=True, gc=False):
    string_value: str | None = None
    int_value: int | None = None
    float_value: float | None = None
    double_value: float | None = None


class _Param(msgspec.Struct, frozen=True, gc=False):
    key: str
    value: _Value = _Value()


class _Item(msgspec.Struct, frozen=True, gc=False):
    item_id: str | None = None
    item_name: str | None = None
    item_category: str | None = None
    price: float | None = None
    quantity: int | None = None


class _Ecommerce(msgspec.Struct, frozen=True, gc=False):
    transaction_id: str | None = None
    purchase_revenue: float | None = None
    refund_value: float | None = None


class _Event(msgspec.Struct, frozen=True, gc=False):
    event_timestamp: int
    event_name: str
    user_id: str | None = None
    user_pseudo_id: str | None = None
    event_params: list[_Param] = []
    items: list[_Item] = []
    ecommerce: _Ecommerce | None = None


_decode: Final = msgspec.json.Decoder(_Event, strict=False).decode
NAMES: Final = {
    "view_item_list": "Product List Viewed",
    "select_item": "Product Clicked",
    "view_item": "Product Viewed",
    "search": "Products Searched",
    "view_search_results": "Products Searched",
    "add_to_cart": "Product Added",
    "remove_from_cart": "Product Removed",
    "view_cart": "Cart Viewed",
    "begin_checkout": "Checkout Started",
    "purchase": "Order Completed",
    "refund": "Order Refunded",
}
"""Segment's name of each event. Others keep theirs, and ingest refuses them as of an unknown type."""
_OF_ONE: Final = ("Product Viewed", "Product Clicked", "Product Added", "Product Removed")


def recognises(first_line: bytes) -> bool:
    """Whether a file that begins with this line is an export of GA4."""
    return _event(first_line) is not None


def read(lines: Iterable[tuple[int, bytes]], file_name: str, currency: str) -> Iterator[Arrival]:
    """The arrivals of each line. A messageId is file and line, and the place among the line's products.

    `currency` is that of events that name none. A line that is no event becomes `bad_line`.
    """
    for number, line in lines:
        event = _event(line)
        if event is None:
            yield bad_line(file_name, number, line)
        else:
            yield from _arrivals(event, f"{file_name}:{number}", currency)


def _event(line: bytes) -> _Event | None:
    try:
        return _decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _arrivals(event: _Event, place: str, currency: str) -> Iterator[Arrival]:
    name, at_ms, said = NAMES.get(event.event_name, event.event_name), event.event_timestamp // 1_000, _said(event)
    products = [_product(item) for item in event.items]
    common = given(currency=said.get("currency", currency), session_id=str(said.get("ga_session_id", "")))
    if name in _OF_ONE and len(products) > 1:
        for nth, product in enumerate(products):
            yield _arrival(event, Row(f"{place}/{nth}", event.user_id or "", at_ms), name, common | product)
        return
    row = Row(place, event.user_id or "", at_ms)
    if name in _OF_ONE:
        yield _arrival(event, row, name, common | (products[0] if products else {}))
    elif name == "Products Searched":
        yield _arrival(event, row, name, given(query=said.get("search_term"), session_id=common.get("session_id")))
    else:
        yield _arrival(event, row, name, common | _whole(event, said) | {"products": products})


def _arrival(event: _Event, row: Row, name: str, properties: dict[str, Any]) -> Arrival:
    return arrival(row, name, properties, event.user_pseudo_id or "")


def _product(item: _Item) -> dict[str, Any]:
    return given(
        product_id=item.item_id or item.item_name,
        name=item.item_name,
        category=item.item_category,
        price=item.price,
        quantity=item.quantity,
    )


def _whole(event: _Event, said: dict[str, Any]) -> dict[str, Any]:
    """What is said of the whole cart or order."""
    shop = event.ecommerce or _Ecommerce()
    order_id, worth = said.get("transaction_id") or shop.transaction_id, said.get("value")
    if NAMES.get(event.event_name) == "Checkout Started":
        return given(value=worth)
    paid = shop.purchase_revenue if event.event_name == "purchase" else shop.refund_value
    return given(order_id=order_id, total=worth if worth is not None else paid)


def _said(event: _Event) -> dict[str, Any]:
    """The event's parameters by name."""
    told = {}
    for param in event.event_params:
        value = param.value
        known = (value.string_value, value.int_value, value.double_value, value.float_value)
        told[param.key] = next((one for one in known if one is not None), None)
    return {name: value for name, value in told.items() if value is not None}

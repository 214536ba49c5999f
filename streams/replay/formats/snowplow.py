"""Snowplow's enriched events as JSON Lines, as its Analytics SDKs write them, with its e-commerce schemas.

iglu: com.snowplowanalytics.snowplow.ecommerce/snowplow_ecommerce_action, and the contexts product, cart, transaction
and refund beside it. Not in the order of time. An action of many products that Kairos knows by one becomes one arrival
for each of them.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from streams.feed import Arrival
from streams.replay.formats.bad_line import bad_line
from streams.replay.formats.shop_event import Row, arrival, given

_SHOP: Final = "com_snowplowanalytics_snowplow_ecommerce_"
_CONTEXT: Final = f"contexts_{_SHOP}"


class _Product(msgspec.Struct, frozen=True, gc=False):
    id: str
    name: str | None = None
    category: str | None = None
    price: float | None = None
    currency: str | None = None
    quantity: int | None = None


class _Action(msgspec.Struct, frozen=True, gc=False):
    type: str


class _Cart(msgspec.Struct, frozen=True, gc=False):
    cart_id: str | None = None
    total_value: float | None = None
    currency: str | None = None


class _Transaction(msgspec.Struct, frozen=True, gc=False):
    transaction_id: str
    revenue: float | None = None
    currency: str | None = None


class _Refund(msgspec.Struct, frozen=True, gc=False):
    transaction_id: str
    refund_amount: float | None = None
    currency: str | None = None


class _Event(msgspec.Struct, frozen=True, gc=False):
    event_id: str
    collector_tstamp: str
    event_name: str | None = None
    dvce_created_tstamp: str | None = None
    dvce_sent_tstamp: str | None = None
    user_id: str | None = None
    domain_userid: str | None = None
    network_userid: str | None = None
    domain_sessionid: str | None = None
    action: _Action | None = msgspec.field(name=f"unstruct_event_{_SHOP}snowplow_ecommerce_action_1", default=None)
    products: list[_Product] = msgspec.field(name=f"{_CONTEXT}product_1", default_factory=list)
    carts: list[_Cart] = msgspec.field(name=f"{_CONTEXT}cart_1", default_factory=list)
    transactions: list[_Transaction] = msgspec.field(name=f"{_CONTEXT}transaction_1", default_factory=list)
    refunds: list[_Refund] = msgspec.field(name=f"{_CONTEXT}refund_1", default_factory=list)


_decode: Final = msgspec.json.Decoder(_Event).decode
NAMES: Final = {
    "list_view": "Product List Viewed",
    "list_click": "Product Clicked",
    "product_view": "Product Viewed",
    "add_to_cart": "Product Added",
    "remove_from_cart": "Product Removed",
    "checkout_step": "Checkout Started",
    "transaction": "Order Completed",
    "refund": "Order Refunded",
}
"""Segment's name of each action. Others keep theirs, and ingest refuses them as of an unknown type."""
_OF_ONE: Final = ("Product Viewed", "Product Clicked", "Product Added", "Product Removed")


def recognises(first_line: bytes) -> bool:
    """Whether a file that begins with this line is JSON Lines of Snowplow's enriched events."""
    return _event(first_line) is not None


def read(lines: Iterable[tuple[int, bytes]], file_name: str, currency: str) -> Iterator[Arrival]:
    """The arrivals of each line; a messageId is the event's id, with the place among its products where it has many.

    `currency` is that of events that name none. A line that is no event, or has no time, becomes `bad_line`.
    """
    for number, line in lines:
        event = _event(line)
        made = None if event is None else _arrivals(event, currency)
        yield from made or (bad_line(file_name, number, line),)


def _event(line: bytes) -> _Event | None:
    try:
        return _decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _arrivals(event: _Event, currency: str) -> list[Arrival]:
    """None where the event has no time that can be read."""
    try:
        at_ms, times = _unix_ms(event.collector_tstamp), _times(event)
    except ValueError:
        return []
    kind = event.action.type if event.action else event.event_name or "unstruct"
    name = NAMES.get(kind, kind)
    products = [_product(product) for product in event.products]
    common = given(session_id=event.domain_sessionid, currency=_currency(event) or currency, **_cart(event))
    several = len(products) > 1
    found = [common | product for product in products or [{}]] if name in _OF_ONE else [_whole(event, common, products)]
    return [
        arrival(
            Row(f"{event.event_id}/{nth}" if several and name in _OF_ONE else event.event_id, event.user_id or "",
                at_ms, times),
            name, properties, event.domain_userid or event.network_userid or "",
        )
        for nth, properties in enumerate(found)
    ]  # fmt: skip


def _whole(event: _Event, common: dict[str, Any], products: list[dict[str, Any]]) -> dict[str, Any]:
    """The properties of a list, a checkout, an order or a refund."""
    worth: dict[str, Any] = {}
    for order in event.transactions[:1]:
        worth = given(order_id=order.transaction_id, total=order.revenue)
    for refund in event.refunds[:1]:
        worth = given(order_id=refund.transaction_id, total=refund.refund_amount)
    return common | worth | {"products": products}


def _cart(event: _Event) -> dict[str, Any]:
    return given(cart_id=event.carts[0].cart_id) if event.carts else {}


def _currency(event: _Event) -> str | None:
    parts: list[_Transaction | _Refund | _Cart | _Product] = [*event.transactions, *event.refunds, *event.carts]
    return next((part.currency for part in (*parts, *event.products) if part.currency), None)


def _product(product: _Product) -> dict[str, Any]:
    return given(
        product_id=product.id,
        name=product.name,
        category=product.category,
        price=product.price,
        quantity=product.quantity,
    )


def _times(event: _Event) -> dict[str, Any]:
    """When it was made and sent by the shopper's clock: ingest corrects that clock as Snowplow does."""
    made = {"originalTimestamp": event.dvce_created_tstamp, "sentAt": event.dvce_sent_tstamp}
    return {name: _unix_ms(text) for name, text in made.items() if text}


def _unix_ms(text: str) -> int:
    """Snowplow's times are UTC, with or without a Z. Raises `ValueError`."""
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1_000)

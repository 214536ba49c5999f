"""From a believed event to the parts of its timeline record: what the slot holds, and the tail."""

from collections.abc import Callable
from functools import lru_cache
from struct import Struct
from typing import Any, Final

import msgspec
from xxhash import xxh3_64_intdigest

from schemas import events
from schemas.history import ID_SIZE
from schemas.interventions import minor_units
from schemas.kinds import Kind
from schemas.timeline import ORDINAL_BITS, SOURCE, VERSION, Detail, Item
from streams.core.refusals import RefusedError, shown

MOST_PRODUCTS: Final = 500
MOST_CATEGORIES: Final = 100
MOST_BYTES: Final = 256 << 10
"""Of a timeline record: some events of a shopper stand in one record of the changelog, which has to fit its topic."""
Parts = tuple[int, int, int, int, Detail | tuple[object, ...]]
"""Kind, item, category and price for the slot (see `schemas/history.py`), and the tail: a `Detail`, or its fields."""

_HEAD: Final = Struct(f"{SOURCE.format}{ID_SIZE}sB6sQII").pack
"""The fixed part, with the 48 bits of the message id and of the time as bytes: the first six of a `_U64`."""
_U64: Final = Struct("<Q").pack
_U32: Final = 0xFFFFFFFF
_encode = msgspec.msgpack.Encoder().encode


def packed(topic_id: int, partition: int, offset: int, at_ms: int, message_id: str, parts: Parts) -> bytes:
    """The bytes of a timeline record, as `schemas.timeline.encode_entry` writes them, without its intermediate tuples.

    `topic_id`, `partition` and `offset` are the source's. Raises `RefusedError`: invalid_value, too large.
    """
    kind, item, category, price, tail = parts
    record: bytes = _HEAD(
        VERSION, topic_id, partition, offset << ORDINAL_BITS,
        _U64(xxh3_64_intdigest(message_id.encode())), kind, _U64(at_ms), item, category, price,
    ) + _encode(tail)  # fmt: skip
    if len(record) > MOST_BYTES:
        raise RefusedError("invalid_value", f"an event of at most {MOST_BYTES} bytes", f"{len(record)} bytes")
    return record


def item_key(product_id: str) -> int:
    """The 64-bit number that stands for a product. 0 is kept for "no product".

    >>> item_key("mug") == item_key("mug"), item_key("")
    (True, 0)
    """
    return (xxh3_64_intdigest(product_id.encode()) or 1) if product_id else 0


@lru_cache(4_096)
def category_key(category: str) -> int:
    """The 32-bit number that stands for a category. 0 is kept for "no category"."""
    return (xxh3_64_intdigest(category.encode()) & _U32 or 1) if category else 0


@lru_cache(1_024)
def _currency(currency: str | None) -> str:
    """The currency, "" where none is given: an amount without one is counted in hundredths of whatever it is in."""
    if not currency or (len(currency) == 3 and currency.isascii() and currency.isalpha() and currency.isupper()):
        return currency or ""
    raise RefusedError("invalid_value", "three capital letters in properties.currency", shown(currency))


@lru_cache(1_024)
def _money(currency: str | None) -> tuple[str, float]:
    """What `_currency` says, and how many minor units make one."""
    known = _currency(currency)
    return known, float(minor_units(1, known))


def _item(product: events.Product, currency: str) -> Item:
    price = product.price
    units = -1 if price is None else minor_units(price, currency)
    return Item(product.product_id, units, product.quantity, product.category, product.name)


def _items(products: tuple[events.Product, ...], currency: str) -> tuple[Item, ...]:
    if len(products) > MOST_PRODUCTS:
        raise RefusedError("invalid_value", f"at most {MOST_PRODUCTS} products", str(len(products)))
    return tuple([_item(product, currency) for product in products])


def _first(items: tuple[Item, ...]) -> tuple[int, int, int]:
    """Item, category and price of the first product; zeros where there is none."""
    if not items:
        return 0, 0, 0
    first = items[0]
    return item_key(first.product_id), category_key(first.category), _slot_price(first.price)


def _slot_price(units: int) -> int:
    return units if 0 <= units <= _U32 else 0 if units < 0 else _U32


def _worth(items: tuple[Item, ...], currency: str, *totals: float | None) -> int:
    """Minor units of the first total that is given, else of the products whose price is known, -1 if none is."""
    for total in totals:
        if total is not None:
            return minor_units(total, currency)
    known = [item.price * item.quantity for item in items if item.price >= 0]
    return sum(known) if known else -1


def _product(kind: int, event: events.ProductViewed | events.ProductClicked, traceparent: str) -> Parts:
    # Most events come through here: what the others call is written out, and plain tuples stand for Item and Detail.
    product = event.properties
    product_id, category, price = product.product_id, product.category, product.price
    currency, factor = _money(product.currency)
    units = -1 if price is None else round(price * factor)
    items = ((product_id, units, product.quantity, category, product.name),)
    tail = (event.message_id, items, currency, product.session_id, "", "", "", -1, "", (), traceparent)
    item = xxh3_64_intdigest(product_id.encode()) or 1
    return kind, item, category_key(category), units if 0 <= units <= _U32 else _slot_price(units), tail


def _list(kind: int, event: events.ProductListViewed, traceparent: str) -> Parts:
    listed = event.properties
    currency = _currency(listed.currency)
    items = _items(listed.products, currency)
    item, category, price = _first(items)
    detail = Detail(event.message_id, items, currency, listed.session_id, traceparent=traceparent)
    return kind, item, category or category_key(listed.category), price, detail


def _search(kind: int, event: events.ProductsSearched, traceparent: str) -> Parts:
    search = event.properties
    detail = Detail(event.message_id, session_id=search.session_id, query=search.query, traceparent=traceparent)
    return kind, 0, 0, 0, detail


def _cart_line(kind: int, event: events.ProductAdded | events.ProductRemoved, traceparent: str) -> Parts:
    line = event.properties
    currency = _currency(line.currency)
    item = _item(line, currency)
    detail = Detail(
        event.message_id, (item,), currency, line.session_id, line.cart_id, line.previous_cart_id,
        traceparent=traceparent,
    )  # fmt: skip
    return kind, item_key(line.product_id), category_key(line.category), _slot_price(item.price), detail


def _cart(kind: int, event: events.CartViewed, traceparent: str) -> Parts:
    cart = event.properties
    currency = _currency(cart.currency)
    items = _items(cart.products, currency)
    item, category, price = _first(items)
    detail = Detail(
        event.message_id, items, currency, cart.session_id, cart.cart_id, cart.previous_cart_id,
        value=_worth(items, currency), traceparent=traceparent,
    )  # fmt: skip
    return kind, item, category, price, detail


def _checkout(kind: int, event: events.CheckoutStarted, traceparent: str) -> Parts:
    checkout = event.properties
    currency = _currency(checkout.currency)
    items = _items(checkout.products, currency)
    item, category, _ = _first(items)
    worth = _worth(items, currency, checkout.value)
    detail = Detail(
        event.message_id, items, currency, checkout.session_id, checkout.cart_id, "", checkout.order_id, worth,
        traceparent=traceparent,
    )  # fmt: skip
    return kind, item, category, _slot_price(worth), detail


def _order(kind: int, event: events.OrderCompleted | events.OrderRefunded, traceparent: str) -> Parts:
    order = event.properties
    currency = _currency(order.currency)
    items = _items(order.products, currency)
    item, category, _ = _first(items)
    worth = _worth(items, currency, order.total, order.revenue)
    detail = Detail(
        event.message_id, items, currency, order.session_id, order.cart_id, "", order.order_id, worth,
        traceparent=traceparent,
    )  # fmt: skip
    return kind, item, category, _slot_price(worth), detail


def _consent(kind: int, event: events.ConsentUpdated, traceparent: str) -> Parts:
    consent = event.context.consent
    preferences = {} if consent is None else consent.category_preferences
    if not preferences:
        raise RefusedError("missing_field", "context.consent.categoryPreferences", "none")
    if len(preferences) > MOST_CATEGORIES:
        expected = f"at most {MOST_CATEGORIES} categories in context.consent.categoryPreferences"
        raise RefusedError("invalid_value", expected, str(len(preferences)))
    detail = Detail(event.message_id, consents=tuple(sorted(preferences.items())), traceparent=traceparent)
    return kind, 0, 0, 0, detail


PARTS: Final[dict[type[Any], tuple[int, Callable[[int, Any, str], Parts]]]] = {
    events.ProductViewed: (int(Kind.PRODUCT_VIEWED), _product),
    events.ProductListViewed: (int(Kind.PRODUCT_LIST_VIEWED), _list),
    events.ProductClicked: (int(Kind.PRODUCT_CLICKED), _product),
    events.ProductsSearched: (int(Kind.PRODUCTS_SEARCHED), _search),
    events.ProductAdded: (int(Kind.PRODUCT_ADDED), _cart_line),
    events.ProductRemoved: (int(Kind.PRODUCT_REMOVED), _cart_line),
    events.CartViewed: (int(Kind.CART_VIEWED), _cart),
    events.CheckoutStarted: (int(Kind.CHECKOUT_STARTED), _checkout),
    events.OrderCompleted: (int(Kind.ORDER_COMPLETED), _order),
    events.OrderRefunded: (int(Kind.ORDER_REFUNDED), _order),
    events.ConsentUpdated: (int(Kind.CONSENT_UPDATED), _consent),
}
"""For each type of event its kind, and what makes its parts of it and of the traceparent. The first product stands in
the slot, with the price of one unit; for orders and checkouts the price is what the whole is worth. Errors:
`RefusedError`, missing_field and invalid_value.
"""

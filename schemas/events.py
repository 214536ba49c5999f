"""What the shop tells us: Segment's e-commerce events, one record for each thing a visitor can do.

Names and fields: Segment Spec, Common Fields and E-commerce v2
(https://segment.com/docs/connections/spec/ecommerce/v2/).
Two additions of ours, both optional for the sender: `currency` beside every price, and `previous_cart_id` on a cart
event that says which other cart of the same shopper was merged into this one.
"""

from datetime import datetime
from typing import Annotated

import msgspec

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
Text = Annotated[str, msgspec.Meta(max_length=1_000)]
Currency = Annotated[str, msgspec.Meta(min_length=3, max_length=3)]
"""ISO 4217: three capital letters. Ingest checks the letters."""
Amount = Annotated[float, msgspec.Meta(ge=0, le=1e7)]
Quantity = Annotated[int, msgspec.Meta(ge=1, le=100_000)]
Time = datetime | int
"""ISO 8601 with a zone, or Unix epoch milliseconds."""


class Product(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Segment's product object. `price` is a decimal amount of one unit in the event's currency."""

    product_id: Id
    category: Text = ""
    name: Text = ""
    price: Amount | None = None
    quantity: Quantity = 1


class Viewed(Product, frozen=True, kw_only=True, gc=False):
    """The properties of one product that was looked at or clicked."""

    currency: Currency | None = None
    session_id: Text = ""


class Listed(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The properties of a list of products that was looked at."""

    list_id: Text = ""
    category: Text = ""
    currency: Currency | None = None
    products: tuple[Product, ...] = ()
    session_id: Text = ""


class Searched(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The properties of a search."""

    query: Text
    session_id: Text = ""


class CartLine(Product, frozen=True, kw_only=True, gc=False):
    """The properties of one product that was put into a cart or taken out of it. The price is required."""

    price: Amount
    currency: Currency
    cart_id: Text = ""
    previous_cart_id: Text = ""
    session_id: Text = ""


class CartSeen(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The properties of a cart that was looked at: all of it, where `products` are given."""

    currency: Currency | None = None
    cart_id: Text = ""
    previous_cart_id: Text = ""
    products: tuple[Product, ...] = ()
    session_id: Text = ""


class Checkout(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The properties of a checkout that was begun."""

    currency: Currency | None = None
    order_id: Text = ""
    cart_id: Text = ""
    value: Amount | None = None
    products: tuple[Product, ...] = ()
    session_id: Text = ""


class Order(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The properties of an order, completed or refunded. What it is worth: total, else revenue, else its products."""

    order_id: Id
    currency: Currency
    cart_id: Text = ""
    total: Amount | None = None
    revenue: Amount | None = None
    coupon: Text = ""
    products: tuple[Product, ...] = ()
    session_id: Text = ""


class Consent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Segment's `context.consent`: for each category (for example "marketing"), given or not."""

    category_preferences: dict[Id, bool] = msgspec.field(name="categoryPreferences", default_factory=dict)


class Context(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The part of Segment's context that Kairos reads."""

    consent: Consent | None = None


class _Track(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="event", rename="camel"):
    """Segment's common fields. One of `user_id` and `anonymous_id` is required, and the record is keyed by it.

    The time of the event is `original_timestamp`, corrected by the sender's clock skew where `sent_at` and
    `received_at` are given, else `timestamp`.
    """

    message_id: Id
    user_id: Text | None = None
    anonymous_id: Text | None = None
    timestamp: Time | None = None
    original_timestamp: Time | None = None
    sent_at: Time | None = None
    received_at: Time | None = None


class ProductViewed(_Track, tag="Product Viewed", frozen=True, kw_only=True, gc=False):
    """A product's page was looked at."""

    properties: Viewed


class ProductListViewed(_Track, tag="Product List Viewed", frozen=True, kw_only=True, gc=False):
    """A list of products was looked at."""

    properties: Listed


class ProductClicked(_Track, tag="Product Clicked", frozen=True, kw_only=True, gc=False):
    """A product in a list was clicked."""

    properties: Viewed


class ProductsSearched(_Track, tag="Products Searched", frozen=True, kw_only=True, gc=False):
    """Something was searched for."""

    properties: Searched


class ProductAdded(_Track, tag="Product Added", frozen=True, kw_only=True, gc=False):
    """Something was put into the cart."""

    properties: CartLine


class ProductRemoved(_Track, tag="Product Removed", frozen=True, kw_only=True, gc=False):
    """Something was taken out of the cart."""

    properties: CartLine


class CartViewed(_Track, tag="Cart Viewed", frozen=True, kw_only=True, gc=False):
    """The cart was looked at."""

    properties: CartSeen


class CheckoutStarted(_Track, tag="Checkout Started", frozen=True, kw_only=True, gc=False):
    """The checkout was begun."""

    properties: Checkout


class OrderCompleted(_Track, tag="Order Completed", frozen=True, kw_only=True, gc=False):
    """The shopper bought."""

    properties: Order


class OrderRefunded(_Track, tag="Order Refunded", frozen=True, kw_only=True, gc=False):
    """An order was given back, whole or in part."""

    properties: Order


class ConsentUpdated(_Track, tag="Segment Consent Preference Updated", frozen=True, kw_only=True, gc=False):
    """The shopper said what they may be asked, by category."""

    context: Context


Click = ProductViewed | ProductListViewed | ProductClicked | ProductsSearched
CartEvent = ProductAdded | ProductRemoved | CartViewed | CheckoutStarted
PurchaseEvent = OrderCompleted | OrderRefunded
Event = Click | CartEvent | PurchaseEvent | ConsentUpdated

"""The small numbers that stand for kinds of events in stored bytes. A number never changes its meaning."""

from enum import IntEnum
from typing import Final


class Kind(IntEnum):
    """What a timeline record is. 1 to 63 are events of a shopper, from 64 on the log speaks about itself."""

    PADDING = 0  # no event: the empty places of a short history
    PRODUCT_VIEWED = 1
    PRODUCT_LIST_VIEWED = 2
    PRODUCT_CLICKED = 3
    PRODUCTS_SEARCHED = 4
    PRODUCT_ADDED = 5
    PRODUCT_REMOVED = 6
    CART_VIEWED = 7
    CHECKOUT_STARTED = 8
    ORDER_COMPLETED = 9
    ORDER_REFUNDED = 10
    CONSENT_UPDATED = 11
    TICK = 64
    CONTROL = 65


LAST_CLICK: Final = 4
FIRST_CART, LAST_CART = 5, 8
FIRST_PURCHASE, LAST_PURCHASE = 9, 10
LAST_EVENT: Final = 63

NAMES: Final[dict[Kind, str]] = {
    Kind.PRODUCT_VIEWED: "Product Viewed",
    Kind.PRODUCT_LIST_VIEWED: "Product List Viewed",
    Kind.PRODUCT_CLICKED: "Product Clicked",
    Kind.PRODUCTS_SEARCHED: "Products Searched",
    Kind.PRODUCT_ADDED: "Product Added",
    Kind.PRODUCT_REMOVED: "Product Removed",
    Kind.CART_VIEWED: "Cart Viewed",
    Kind.CHECKOUT_STARTED: "Checkout Started",
    Kind.ORDER_COMPLETED: "Order Completed",
    Kind.ORDER_REFUNDED: "Order Refunded",
    Kind.CONSENT_UPDATED: "Segment Consent Preference Updated",
}
"""Segment's name of each kind of event."""

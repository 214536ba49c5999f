"""Carts as episodes: what opens one, what keeps it alive, and the four ways in which it ends.

An episode is opened by a cart event when no cart with its key is open. It ends bought, abandoned (no activity in it
until its deadline), emptied, or merged into another cart. All functions are pure; events come in event-time order.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from schemas.kinds import FIRST_CART, LAST_CART, Kind
from schemas.shopper import Cart, Waiting
from schemas.timeline import Detail, Item

Ending = Literal["bought", "abandoned", "emptied", "merged"]
Carts = tuple[Cart, ...]


def after_cart_event(carts: Carts, event: Waiting, idle_ms: int) -> tuple[Carts, list[tuple[Cart, Ending]]]:
    """The open carts after a cart event, and the episodes that it ended.

    >>> added = Waiting(0, (2, 0, 0, 0), Kind.PRODUCT_ADDED, Detail("m", (Item("mug"),)))
    >>> carts, ended = after_cart_event((), added, idle_ms=1_000)
    >>> carts[0].deadline_ms, ended
    (1000, [])
    """
    key, previous = event.detail.cart_id, event.detail.previous_cart_id
    cart = named(carts, key)
    merged = named(carts, previous) if previous and previous != key else None
    others = tuple([other for other in carts if other is not cart and other is not merged])
    ended: list[tuple[Cart, Ending]] = [(merged, "merged")] if merged else []
    before = _together(cart.items if cart else (), merged.items if merged else ())
    items = _items_after(before, event)
    if items:
        return (*others, _touched(cart, event, items, idle_ms)), ended
    if cart and event.kind == Kind.PRODUCT_REMOVED:
        ended.append((cart, "emptied"))
    return (others if cart or merged else carts), ended


def named(carts: Carts, key: str) -> Cart | None:
    """The cart with this key."""
    for cart in carts:
        if cart.key == key:
            return cart
    return None


def first_due(carts: Carts) -> Cart | None:
    """The cart with the earliest deadline."""
    if len(carts) < 2:  # as nearly always
        return carts[0] if carts else None
    return min(carts, key=lambda cart: (cart.deadline_ms, cart.key))


def bought(carts: Carts, detail: Detail) -> Cart | None:
    """The cart that an order closes: the one it names, else the one it shares most products with, else the latest."""
    if len(carts) < 2:
        return carts[0] if carts else None
    ordered = {item.product_id for item in detail.items}
    return max(
        carts,
        key=lambda cart: (cart.key == detail.cart_id != "", _overlap(cart, ordered), cart.active_ms, cart.key),
    )


def after_all(carts: Carts, waiting: Sequence[Waiting], idle_ms: int) -> Carts:
    """What the carts will be when the cart events that wait have been applied: what the shopper sees now."""
    for event in waiting:
        if FIRST_CART <= event.kind <= LAST_CART:
            carts, _ = after_cart_event(carts, event, idle_ms)
    return carts


def value(cart: Cart) -> int:
    """What the cart is worth in minor units, counting products of known price."""
    return sum(item.price * item.quantity for item in cart.items if item.price >= 0)


def _overlap(cart: Cart, ordered: set[str]) -> int:
    return sum(item.product_id in ordered for item in cart.items)


def _touched(cart: Cart | None, event: Waiting, items: tuple[Item, ...], idle_ms: int) -> Cart:
    at_ms, detail = event.at_ms, event.detail
    if cart is None:
        opened = (detail.cart_id, event.source, at_ms, at_ms, at_ms + idle_ms, detail.currency, items)
        return Cart(*opened, last_id=detail.message_id, last_kind=event.kind)
    if at_ms < cart.active_ms:
        return msgspec.structs.replace(cart, items=items)
    return msgspec.structs.replace(
        cart,
        active_ms=at_ms,
        deadline_ms=at_ms + idle_ms,
        currency=detail.currency or cart.currency,
        items=items,
        last_id=detail.message_id,
        last_kind=event.kind,
    )


def _items_after(items: tuple[Item, ...], event: Waiting) -> tuple[Item, ...]:
    if event.kind == Kind.PRODUCT_ADDED:
        return _added(items, event.detail.items[0])
    if event.kind == Kind.PRODUCT_REMOVED:
        return _removed(items, event.detail.items[0])
    return event.detail.items or items  # a cart that was seen tells all that is in it, where it tells anything


def _together(items: tuple[Item, ...], merged: tuple[Item, ...]) -> tuple[Item, ...]:
    for item in merged:
        items = _added(items, item)
    return items


def _added(items: tuple[Item, ...], new: Item) -> tuple[Item, ...]:
    for at, old in enumerate(items):
        if old.product_id == new.product_id:
            more = Item(new.product_id, new.price, old.quantity + new.quantity, new.category, new.name)
            return (*items[:at], more, *items[at + 1 :])
    return (*items, new)


def _removed(items: tuple[Item, ...], gone: Item) -> tuple[Item, ...]:
    left = []
    for item in items:
        quantity = item.quantity - gone.quantity if item.product_id == gone.product_id else item.quantity
        if quantity > 0:
            left.append(Item(item.product_id, item.price, quantity, item.category, item.name))
    return tuple(left)

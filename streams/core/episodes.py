"""Event-time order for carts and purchases: what waits, what is applied when the watermark passes, what fires.

Log order is not event order. So cart and purchase events wait in the shopper's record, sorted by (event time, source),
until nothing older can still come; a deadline comes before any event at or after it.
"""

from bisect import insort
from collections.abc import Iterator
from typing import NamedTuple

from schemas.kinds import LAST_CART, Kind
from schemas.shopper import Cart, Shopper, Waiting
from streams.core import carts

NEVER = 1 << 62


class Happened(NamedTuple):
    """What an advance did that somebody must decide about: a cart was abandoned, or a purchase was applied."""

    abandoned: Cart | None
    purchase: Waiting | None


def wait(shopper: Shopper, event: Waiting) -> None:
    """Put a cart or purchase event among those that wait."""
    if not shopper.waiting:
        shopper.waiting = (event,)
        return
    waiting = list(shopper.waiting)
    insort(waiting, event, key=lambda other: (other.at_ms, other.source))
    shopper.waiting = tuple(waiting)


def advance(shopper: Shopper, watermark_ms: int, idle_ms: int) -> Iterator[Happened]:
    """Apply in event-time order everything that the watermark has passed; tell what must be decided about.

    What it tells is yielded when it happens: who asks about it sees the shopper of that moment.
    """
    while True:
        waiting, due = shopper.waiting, carts.first_due(shopper.open_carts)
        head_ms = waiting[0].at_ms if waiting else NEVER
        if due is not None and due.deadline_ms <= head_ms and due.deadline_ms <= watermark_ms:
            yield Happened(_abandon(shopper, due), None)
        elif head_ms < watermark_ms:
            event, shopper.waiting = waiting[0], waiting[1:]
            if event.kind == Kind.ORDER_COMPLETED:
                _buy(shopper, event)
                yield Happened(None, event)
            elif event.kind <= LAST_CART:
                _touch(shopper, event, idle_ms)
        else:
            return


def due_times(shopper: Shopper) -> list[int]:
    """When the watermark will next change this shopper: for each open cart and each waiting event."""
    return [cart.deadline_ms for cart in shopper.open_carts] + [event.at_ms + 1 for event in shopper.waiting]


def _abandon(shopper: Shopper, cart: Cart) -> Cart:
    shopper.open_carts = tuple(other for other in shopper.open_carts if other is not cart)
    shopper.closed_ms = max(shopper.closed_ms, cart.deadline_ms)
    shopper.abandoned += 1
    return cart


def _buy(shopper: Shopper, event: Waiting) -> None:
    shopper.orders += 1
    if event.at_ms >= shopper.bought_ms:
        shopper.bought_ms, shopper.bought_value = event.at_ms, event.detail.value
    open_then = tuple([cart for cart in shopper.open_carts if cart.opened_ms <= event.at_ms])
    cart = carts.bought(open_then, event.detail)
    if cart is not None:
        shopper.open_carts = tuple([other for other in shopper.open_carts if other is not cart])
        shopper.bought += 1
        shopper.closed_ms = max(shopper.closed_ms, event.at_ms)


def _touch(shopper: Shopper, event: Waiting, idle_ms: int) -> None:
    before = shopper.open_carts
    known = carts.named(before, event.detail.cart_id) is not None
    if not known and event.at_ms < shopper.closed_ms:
        return  # it comes after the end of an episode that it belonged to: it opens none
    shopper.open_carts, ended = carts.after_cart_event(before, event, idle_ms)
    for _, how in ended:
        shopper.emptied += how == "emptied"
        shopper.merged += how == "merged"
        shopper.closed_ms = max(shopper.closed_ms, event.at_ms)
    if not known and any(cart.episode == event.source for cart in shopper.open_carts):
        shopper.episodes += 1

"""A request for a decision: everything that the answer may depend on, frozen when it is made.

`step` makes asks, a model scores them, the policy answers. What the payload of an intervention says is known here, and
not later: so a restart and a replay, which answer at another time, say the same.
"""

from typing import Literal, NamedTuple

from inference.inputs import Request
from schemas.kinds import Kind
from schemas.shopper import Cart, Shopper, Waiting
from streams.core import carts, counters, history

_PREVIEWED = 64
"""So many waiting events a request looks at: of a shopper with thousands (a bot), the last ones tell enough."""
Asked = Literal["event", "timer", "purchase"]


class Trigger(NamedTuple):
    """The event that set a decision off. For a timer: the last activity in the cart."""

    message_id: str
    kind: Kind
    at_ms: int


class Ask(NamedTuple):
    """One decision to be taken about one shopper.

    `shopper`: its `nudges` are the answer's to read and write, even when it was forgotten since; the rest moves on.
    `asked`: an event was seen, a cart's timer fired, or a purchase was applied (which needs no score).
    `cause`: what ids are made from; the same whenever the ask is made again. `at_ms`: log time of the ask.
    `cart`: the open or abandoned cart it is about. `converted`: a later purchase is known already.
    `open_episodes`: of a purchase, the carts that are still open at this place of the log.
    `consent_ms`: how far consent had been read. `request`: what the model is asked, where it is asked.
    """

    key: bytes
    shopper: Shopper
    asked: Asked
    cause: str
    at_ms: int
    trigger: Trigger
    cart: Cart | None
    open_episodes: tuple[str, ...]
    converted: bool
    consents: tuple[tuple[str, bool], ...]
    consent_ms: int
    traceparent: str
    request: Request | None
    cart_key: str | None = None  # the cart as the shopper sees it, which the request is about


def request(shopper: Shopper, at_ms: int, cart: Cart | None, open_carts: int) -> Request:
    """What a model is asked about a shopper: the last 32 events, and the context of `inference.inputs.CONTEXT`."""
    since_purchase_s = (at_ms - shopper.bought_ms) / 1000 if shopper.bought_ms >= 0 else -1.0
    about_cart = (0.0, 0.0, 0.0, 0.0)
    if cart is not None:
        age_s, idle_s = (at_ms - cart.opened_ms) / 1000, (at_ms - cart.active_ms) / 1000
        about_cart = (float(carts.value(cart)), float(len(cart.items)), age_s, idle_s)
    life = (float(shopper.events), float(shopper.orders), float(shopper.episodes), float(shopper.abandoned))
    context = (*counters.windows(shopper, at_ms), *life, since_purchase_s, float(open_carts), *about_cart)
    return Request(history.recent(shopper), at_ms, context)


def about_event(key: bytes, shopper: Shopper, event: Waiting, idle_ms: int, consent_ms: int) -> Ask:
    """The ask after an event.

    The model sees the carts as the shopper sees them, with the events that still wait. The policy may only act on
    the same cart as the watermark has passed it: only its episode is certain.
    """
    at_ms, detail = event.at_ms, event.detail
    now = carts.after_all(shopper.open_carts, shopper.waiting[-_PREVIEWED:], idle_ms)
    seen = latest(now)
    return Ask(
        key=key,
        shopper=shopper,
        asked="event",
        cause=_event_cause(event),
        at_ms=at_ms,
        trigger=Trigger(detail.message_id, Kind(event.kind), at_ms),
        cart=next((cart for cart in shopper.open_carts if seen is not None and cart.key == seen.key), None),
        open_episodes=(),
        converted=_buys(shopper),
        consents=shopper.consents,
        consent_ms=consent_ms,
        traceparent=detail.traceparent,
        request=request(shopper, at_ms, seen, len(now)),
        cart_key=seen.key if seen else None,
    )


def about_timer(key: bytes, shopper: Shopper, cart: Cart, watermark_ms: int, consent_ms: int) -> Ask:
    """The ask when a cart was abandoned at its deadline, as seen when the watermark passed it."""
    return Ask(
        key=key,
        shopper=shopper,
        asked="timer",
        cause=episode_cause(cart),
        at_ms=cart.deadline_ms,
        trigger=Trigger(cart.last_id, Kind(cart.last_kind), cart.active_ms),
        cart=cart,
        open_episodes=(),
        converted=_buys(shopper),
        consents=shopper.consents,
        consent_ms=consent_ms,
        traceparent="",
        request=request(shopper, watermark_ms, cart, len(shopper.open_carts)),
    )


def about_purchase(key: bytes, shopper: Shopper, event: Waiting) -> Ask:
    """The ask when a purchase was applied: was something sent that is now pointless?"""
    at_ms, detail = event.at_ms, event.detail
    return Ask(
        key=key,
        shopper=shopper,
        asked="purchase",
        cause=_event_cause(event),
        at_ms=at_ms,
        trigger=Trigger(detail.message_id, Kind.ORDER_COMPLETED, at_ms),
        cart=None,
        open_episodes=_open_episodes(shopper),
        converted=True,
        consents=shopper.consents,
        consent_ms=-1,
        traceparent=detail.traceparent,
        request=None,
    )


def latest(open_carts: tuple[Cart, ...]) -> Cart | None:
    """The cart with the last activity, None without one."""
    if len(open_carts) == 1:
        return open_carts[0]
    return max(open_carts, key=lambda cart: (cart.active_ms, cart.key), default=None)


def episode_cause(cart: Cart) -> str:
    """A cart's episode as a cause: the coordinate of the event that opened it."""
    return "episode:{}/{}/{}/{}".format(*cart.episode)


def _open_episodes(shopper: Shopper) -> tuple[str, ...]:
    return tuple(episode_cause(cart) for cart in shopper.open_carts)


def _event_cause(event: Waiting) -> str:
    return "event:{}/{}/{}/{}".format(*event.source)


def _buys(shopper: Shopper) -> bool:
    return any(event.kind == Kind.ORDER_COMPLETED for event in shopper.waiting)

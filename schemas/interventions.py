"""What subscribers read: interventions, their retractions, and those that were held back.

The wire form is JSON with ISO 8601 times and decimal prices, a superset of what Snowplow Signals, Personalize,
Segment and Braze send. Inside Kairos times are milliseconds and money is minor units: only this file converts.
"""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Final, Literal

import msgspec

from schemas.decisions import Decided, Reason
from schemas.timeline import Item

Uuid = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
Time = Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")]
Price = Annotated[float, msgspec.Meta(ge=0)]

KINDS: Final = ("cart_nudge", "cart_at_risk")
"""cart_nudge: a cart was abandoned. cart_at_risk: a cart is open, and the model expects that it will be."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Whom it is for. `id` is the shopper's key: user id, else anonymous id."""

    name: Literal["user_id"] = "user_id"
    id: str


class Trigger(msgspec.Struct, frozen=True, kw_only=True):
    """What set it off: the event, or for a timer the cart's last event."""

    event_id: str
    event: str
    cart_id: str
    event_time: Time


class ProductLine(msgspec.Struct, frozen=True, kw_only=True):
    """Segment's product object, as it was in the cart."""

    product_id: str
    category: str = ""
    name: str = ""
    price: Price | None = None
    quantity: int = 1


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """The cart. `total_value` counts products of known price only."""

    cart_id: str
    total_value: Price
    currency: str
    products: tuple[ProductLine, ...]
    offer: None = None


class Intervention(msgspec.Struct, frozen=True, kw_only=True):
    """Something to do for one shopper now. `intervention_id` equals the header `ce_id` and never changes."""

    intervention_id: Uuid
    name: str
    version: int
    target: Target
    trigger: Trigger
    decision: Decided
    content: Content
    not_before: Time
    expires_at: Time
    channel_hints: tuple[str, ...] = ()


class Retraction(msgspec.Struct, frozen=True, kw_only=True):
    """An intervention that was sent no longer makes sense: it follows on the same topic, under the same key."""

    intervention_id: Uuid
    retracts: Uuid
    name: str
    target: Target
    trigger: Trigger
    reason: Literal["converted"]
    retracted_at: Time


class Suppressed(msgspec.Struct, frozen=True, kw_only=True):
    """An intervention that was not sent, and why. On `shop.interventions.suppressed.v1`."""

    intervention_id: Uuid
    name: str
    target: Target
    trigger: Trigger
    decision: Decided
    content: Content
    reason: Reason
    suppressed_at: Time


encode = msgspec.json.Encoder().encode
decode_intervention = msgspec.json.Decoder(Intervention).decode
decode_retraction = msgspec.json.Decoder(Retraction).decode
decode_suppressed = msgspec.json.Decoder(Suppressed).decode

_WHOLE: Final = (
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG",
    "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF",
)  # fmt: skip
_THOUSANDTHS: Final = ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND")
_FACTORS: Final[dict[str, float]] = dict.fromkeys(_WHOLE, 1.0) | dict.fromkeys(_THOUSANDTHS, 1_000.0)
"""ISO 4217: how many minor units make one of a currency, where it is not a hundred."""


def minor_units(amount: float, currency: str) -> int:
    """A decimal amount as whole minor units of its currency.

    >>> minor_units(19.99, "EUR"), minor_units(1200, "JPY")
    (1999, 1200)
    """
    return round(amount * _FACTORS.get(currency, 100.0))


def decimal(units: int, currency: str) -> float:
    """Minor units as a decimal amount: the inverse of `minor_units`.

    >>> decimal(1999, "EUR")
    19.99
    """
    return units / _FACTORS.get(currency, 100.0)


def iso(at_ms: int) -> str:
    """Milliseconds since the epoch as ISO 8601, UTC.

    >>> iso(1_700_000_000_123)
    '2023-11-14T22:13:20.123Z'
    """
    return f"{_second(at_ms // 1_000)}.{at_ms % 1_000:03d}Z"


@lru_cache(maxsize=8_192)
def _second(at_s: int) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def content(cart_id: str, currency: str, items: tuple[Item, ...]) -> Content:
    """The wire form of a cart."""
    total = sum(item.price * item.quantity for item in items if item.price >= 0)
    lines = tuple(
        ProductLine(
            product_id=item.product_id,
            category=item.category,
            name=item.name,
            price=decimal(item.price, currency) if item.price >= 0 else None,
            quantity=item.quantity,
        )
        for item in items
    )
    return Content(cart_id=cart_id, total_value=decimal(total, currency), currency=currency, products=lines)

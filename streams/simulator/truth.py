"""The ground truth: what became of every cart, and what the optimal observer expected at every event."""

from collections.abc import Callable
from typing import Literal

import msgspec

Outcome = Literal["abandoned", "bought", "emptied", "merged"]


class Chance(msgspec.Struct, frozen=True, kw_only=True, rename={"message_id": "messageId"}, gc=False):
    """At this event of this shopper, this open cart is abandoned with this probability, given all that could be seen.

    There is one for each cart that is open after the event. `episode` is the messageId of the event that opened it;
    `cart_id` is empty for shoppers whose carts have none. `at_ms` is event time.
    """

    message_id: str
    key: str
    at_ms: int
    cart_id: str
    episode: str
    abandon: float


class Episode(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What became of an open cart. `at_ms` is event time: of the deadline, or of the event that ended it.

    `episode` is the messageId of the event that opened it at `opened_ms`.
    """

    episode: str
    key: str
    cart_id: str
    opened_ms: int
    outcome: Outcome
    at_ms: int


Sink = Callable[[Chance | Episode], object]
"""Where the truth goes, for example `list.append`. An episode may be told later than events that followed it."""

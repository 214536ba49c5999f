"""The tensor contract: what goes into a model, and nothing else.

A request is the shopper's last events and a few numbers about the shopper, all of one moment; so a request can be asked
again, anywhere. Models obey the names, shapes and types declared here, and Triton's configuration is generated from them.
"""

from typing import Final, NamedTuple

HISTORY_EVENTS: Final = 32
"""How many of the last events a model sees."""

CONTEXT: Final = (
    "clicks_1h", "carts_1h", "purchases_1h",
    "clicks_24h", "carts_24h", "purchases_24h",
    "clicks_7d", "carts_7d", "purchases_7d",
    "events",  # in the shopper's life
    "orders", "episodes", "abandoned",  # likewise
    "since_purchase_s",  # -1: never bought
    "open_carts",
    "cart_value",  # minor units, of the cart that is asked about; 0 without one
    "cart_products", "cart_age_s", "cart_idle_s",
)  # fmt: skip
"""The numbers of a request's context, in order, as they are: scaling is the model's side of the contract."""


class Request(NamedTuple):
    """What is asked about one shopper at `at_ms` (event time).

    `history`: at most 32 slots of `schemas/history.py`, oldest first, the newest is what happened at `at_ms` or before.
    `context`: one float for each name in `CONTEXT`.
    """

    history: bytes
    at_ms: int
    context: tuple[float, ...]

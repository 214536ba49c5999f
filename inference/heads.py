"""The questions that every sequence model learns to answer, each with how far its label looks ahead."""

from typing import Final, Literal, NamedTuple

from inference.inputs import ACTIONS

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
CART_MS: Final = 6 * HOUR_MS
"""How far labels of carts and sessions are taken to look: one open longer has seen activity every half hour."""

GAP_EDGES_S: Final = (10, 60, 300, 1_800, 21_600, 86_400)
"""Where the choices of `next_event` end: within ten seconds, a minute, five, half an hour, six hours, a day, later."""


class Head(NamedTuple):
    """One question. `width` is the number of choices; a chance, yes or no, has one logit.

    A label is 1, 0 or NaN (not known) for a chance, the number of what came or -1 (not known) for a choice.
    `weight`: of its loss, beside the others.
    """

    name: str
    answers: Literal["chance", "choice"]
    horizon_ms: int
    weight: float
    width: int = 1


HEADS: Final = (
    Head("purchase_24h", "chance", DAY_MS, 0.5),
    Head("abandon_30m", "chance", CART_MS, 1.0),
    Head("next_action", "choice", HOUR_MS // 2, 0.5, ACTIONS),
    Head("purchase_1h", "chance", HOUR_MS, 0.25),
    Head("purchase_session", "chance", CART_MS, 0.25),
    Head("churn_30d", "chance", 30 * DAY_MS, 0.25),
    Head("next_event", "choice", DAY_MS, 0.25, len(GAP_EDGES_S) + 1),
)
"""All heads; first those that the live path asks for, in the order of `OUTPUTS`.

- purchase_session: an order before the shopper has been quiet for half an hour.
- churn_30d: nothing at all happens within 30 days.
- next_event: in which of the stretches of `GAP_EDGES_S` the next event comes.
"""

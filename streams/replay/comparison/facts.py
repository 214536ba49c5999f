"""What a comparison found: plain records, which are also its JSON. Times are milliseconds of log time."""

from typing import Literal

import msgspec

from streams.replay.comparison.sides import SideName
from streams.replay.report.predictions import wilson

Difference = Literal["only_a", "only_b", "other"]
"""Of a cart: addressed by A alone, by B alone, or by both, but at another moment or with another kind."""
Value = bool | int | float | str | tuple[str, ...] | None


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """A setting in which the sides differ: a place in the policy file, the model, or where scores come from."""

    what: str
    a: Value
    b: Value


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """How often something came true, among those of which the log says it. `share` is None where it says nothing.

    The true share is between `low` and `high`, with 95 % confidence (Wilson's interval).
    """

    true: int
    known: int
    share: float | None
    low: float | None
    high: float | None


def known(true: int, among: int) -> Known:
    """So many came true, among so many of which it is known.

    >>> known(1, 4).share, known(0, 0).share
    (0.25, None)
    >>> round(known(8, 10).low, 4), round(known(8, 10).high, 4)
    (0.4902, 0.9433)
    """
    if not among:
        return Known(true=0, known=0, share=None, low=None, high=None)
    low, high = wilson(true / among, among)
    return Known(true=true, known=among, share=true / among, low=low, high=high)


class Lead(msgspec.Struct, frozen=True, kw_only=True):
    """From interventions to what followed: how many times, and the times that 10, 50 and 90 % of them fall below."""

    count: int
    p10_ms: int
    p50_ms: int
    p90_ms: int


class KindFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One kind on one side.

    `right`: nudged carts whose shopper did not buy within a day; carts at risk that were abandoned. `bought_24h`: the
    shopper bought within a day, nudged or not. `bought_later`: at any time that the log still tells, also where it ends
    within the day. `lead` is to what the kind foresees (the abandonment), `lead_to_purchase` to a purchase in that day.
    """

    kind: str
    sent: int
    held_back: dict[str, int]
    right: Known
    bought_24h: Known
    bought_later: int
    lead: Lead | None
    lead_to_purchase: Lead | None


class CapsFacts(msgspec.Struct, frozen=True, kw_only=True):
    """How far the caps were used. `fullest`: shoppers by the most interventions that they had in one window.

    `held_back` were held back by the cap, of so many `shoppers_held_back`. Days are days of log time, UTC, on which
    something was sent.
    """

    per_shopper: int
    window_s: int
    shoppers: int
    fullest: dict[int, int]
    shoppers_at_cap: int
    held_back: int
    shoppers_held_back: int
    days: int
    most_a_day: int


class SideFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One side. `abandoned` are the carts that ran into their deadline; the same on both sides, but for its `true`:
    how many of them were addressed before, or then."""

    name: SideName
    label: str
    policy: str
    policy_file: str
    scores: str
    decisions: int
    modes: dict[str, int]
    sent: int
    retracted: int
    abandoned: Known
    kinds: tuple[KindFacts, ...]
    caps: CapsFacts


class Differing(msgspec.Struct, frozen=True, kw_only=True):
    """Carts about which the sides differ, for one reason: why the other side was silent when the first one sent.

    `reason_later`: why it held back what it had to say about the cart at last; None where it sent that, or where the
    cart gave no more occasion. Kinds are those that were sent, None where nothing was. `right` and what was bought are
    as of `KindFacts`, of what was sent first.
    """

    difference: Difference
    a_kind: str | None
    b_kind: str | None
    reason: str
    reason_later: str | None
    carts: int
    shoppers: int
    right: Known
    bought_24h: Known
    bought_later: int


class Overlap(msgspec.Struct, frozen=True, kw_only=True):
    """Carts or shoppers that were addressed: by both sides, by A alone, by B alone. Of carts, `same` were addressed by
    both at the same moment with the same kind."""

    both: int
    only_a: int
    only_b: int
    same: int | None = None


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """What one side decided: what it sent about a cart, or why it sent nothing when the other side did."""

    at_ms: int
    sent: bool
    kind: str
    reason: str | None
    mode: str | None
    abandon_30m: float | None
    purchase_24h: float | None


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a cart."""

    name: str
    quantity: int


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """One cart about which the sides differ. What followed is as seen from `at_ms`, when the first side sent."""

    difference: Difference
    reason: str
    reason_later: str | None
    user_id: str
    cart_id: str
    at_ms: int
    value: float
    currency: str
    products: tuple[Product, ...]
    a: Act
    b: Act
    cart_abandoned: bool | None
    cart_ended_after_ms: int | None
    bought_after_ms: int | None


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """What a side sent in one stretch of log time."""

    at_ms: int
    side: SideName
    kind: str
    sent: int


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """Acting on scores above some threshold: how many were right, and how many of all were found."""

    recall: float
    precision: float


class Foresight(msgspec.Struct, frozen=True, kw_only=True):
    """How well a score of one side foresaw what it says, of the `known` decisions after an event: see `Prediction`."""

    side: SideName
    score: str
    says: str
    known: int
    base_rate: float | None
    brier: float | None
    auc: float | None
    average_precision: float | None
    curve: tuple[Point, ...]


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. `foresights` is empty where both sides have the same scores.

    `over_time` counts what was sent in stretches of `stretch_ms`, those without anything left out.
    """

    log: str
    format: str
    changed: tuple[Changed, ...]
    a: SideFacts
    b: SideFacts
    carts: Overlap
    shoppers: Overlap
    differing: tuple[Differing, ...]
    foresights: tuple[Foresight, ...]
    examples: tuple[Example, ...]
    stretch_ms: int
    over_time: tuple[Sent, ...]

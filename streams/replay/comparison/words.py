"""What a comparison says in words: the same on the terminal and on the page."""

from typing import Final

from schemas.interventions import iso
from streams.replay.comparison.facts import (
    Act,
    Comparison,
    Differing,
    Example,
    Foresight,
    KindFacts,
    Known,
    Lead,
    SideFacts,
    Value,
)

REASONS: Final = {
    "below_threshold": "score below its threshold",
    "switched_off": "this kind is switched off",
    "no_score": "no score: rules took the decision",
    "not_asked": "no decision was taken at that moment",
    "already_addressed": "had addressed the cart already",
    "frequency_cap": "the shopper had reached the cap",
    "budget_exhausted": "the budget was used up",
    "no_consent": "no consent",
    "unsubscribed": "unsubscribed",
    "already_converted": "the shopper had bought already",
    "not_eligible": "cart below its least value",
    "low_confidence": "expected the shopper to buy anyway",
    "duplicate": "had addressed the cart already",
    "holdout": "left to a coin, which held it back",
    "stale_timer": "too late after the deadline",
    "stale_features": "too late after the event",
}
"""A reason of the policy that is not here stands for itself."""
RIGHT: Final = {"cart_nudge": "not bought within a day", "cart_at_risk": "cart abandoned"}
"""What makes an intervention of a kind right."""
DIFFERENCES: Final = {"only_a": "A alone", "only_b": "B alone", "other": "both, at other moments"}
UNKNOWN: Final = "-"


def reason(name: str) -> str:
    """Why, in words."""
    return REASONS.get(name, name.replace("_", " "))


def why(one: Differing | Example) -> str:
    """Why the other side was silent, and what it held back at last.

    >>> reason("below_threshold")
    'score below its threshold'
    """
    later = "" if one.reason_later in (None, one.reason) else f"; later: {reason(str(one.reason_later))}"
    return reason(one.reason) + later


def kind(name: str | None) -> str:
    """A kind, or that nothing was sent."""
    return "nothing" if name is None else name


def share(of: Known) -> str:
    """A share with what it is of.

    >>> from streams.replay.comparison.facts import known
    >>> share(known(1, 4)), share(known(0, 0))
    ('25.0 % of 4', '-')
    """
    return UNKNOWN if of.share is None else f"{percent(of)} of {of.known:,}"


def percent(of: Known) -> str:
    """A share.

    >>> from streams.replay.comparison.facts import known
    >>> percent(known(1, 4))
    '25.0 %'
    """
    return "unknown" if of.share is None else f"{of.share * 100:.1f} %"


def bought(one: KindFacts | Differing) -> str:
    """How many bought within a day; where the log ends before, also how many it knows of so far."""
    of, later = one.bought_24h, f"{one.bought_later:,} so far"
    if not of.known:
        return later
    count = one.sent if isinstance(one, KindFacts) else one.carts
    return share(of) if of.known == count else f"{share(of)} ({one.bought_later:,} of all so far)"


def duration(ms: int) -> str:
    """A time in the unit that suits it.

    >>> duration(850), duration(90_000), duration(1_800_000), duration(18_000_000), duration(259_200_000)
    ('1 s', '90 s', '30 min', '5.0 h', '3.0 d')
    """
    seconds = ms / 1_000
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 6_000:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3_600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.1f} d"


def lead(one: Lead | None) -> str:
    """The median, and between what 8 of 10 are.

    >>> lead(Lead(count=9, p10_ms=60_000, p50_ms=1_800_000, p90_ms=7_200_000))
    '30 min (60 s to 2.0 h)'
    """
    return UNKNOWN if one is None else f"{duration(one.p50_ms)} ({duration(one.p10_ms)} to {duration(one.p90_ms)})"


def rows(side: SideFacts) -> dict[str, str]:
    """One side, line by line."""
    found = {"interventions": f"{side.sent:,}"}
    for one in side.kinds:
        lines = of_kind(one)
        found[kind(one.kind)] = lines.pop("sent")
        found |= {f"  {kind(one.kind)}: {name}": line for name, line in lines.items()}
    caps = side.caps
    return found | {
        "taken back": f"{side.retracted:,}",
        "abandoned carts addressed": share(side.abandoned),
        "shoppers addressed": f"{caps.shoppers:,}",
        "cap a shopper": f"{caps.per_shopper:,} in {duration(caps.window_s * 1_000)}",
        "  shoppers at the cap": f"{caps.shoppers_at_cap:,}",
        "  held back by the cap": f"{caps.held_back:,}, from {caps.shoppers_held_back:,} shoppers",
        "most on one day": f"{caps.most_a_day:,}, in {caps.days:,} days",
    }


def of_kind(one: KindFacts) -> dict[str, str]:
    """One kind on one side, line by line."""
    found = {
        "sent": f"{one.sent:,}",
        f"right ({RIGHT[one.kind]})": share(one.right),
        "bought within a day anyway": bought(one),
        "time to that purchase": lead(one.lead_to_purchase),
        "held back": f"{sum(one.held_back.values()):,}",
    }
    if one.kind == "cart_at_risk":
        found["time to the abandonment"] = lead(one.lead)
    return found


def act(one: Act) -> str:
    """What a side did about a cart."""
    score = "" if one.abandon_30m is None else f", abandon {one.abandon_30m:.3f}"
    said = kind(one.kind) if one.sent else f"nothing: {reason(one.reason or '')}"
    return f"{said}{score}"


def followed(one: Example) -> str:
    """What really happened after the first of the two."""
    told = []
    if one.cart_abandoned is not None:
        end = "the cart was abandoned" if one.cart_abandoned else "the cart was bought, emptied or merged"
        told.append(f"{end} {duration(one.cart_ended_after_ms)} later" if one.cart_ended_after_ms else end)
    if one.bought_after_ms is not None:
        told.append(f"the shopper bought {duration(one.bought_after_ms)} later")
    return ", ".join(told) or "the log does not say"


def value(one: Value) -> str:
    """A setting as a policy file has it.

    >>> value(False), value(("email", "push")), value(0.85)
    ('false', 'email, push', '0.85')
    """
    if one is None:
        return UNKNOWN
    if isinstance(one, bool):
        return str(one).lower()
    return ", ".join(one) if isinstance(one, tuple) else str(one)


FORESIGHTS: Final = ("side", "a score says that", "decisions", "so it came", "ROC AUC", "average precision", "Brier")


def foresight(one: Foresight) -> tuple[str, ...]:
    """How well a score foresaw, under `FORESIGHTS`."""
    rate = UNKNOWN if one.base_rate is None else f"{one.base_rate * 100:.1f} %"
    figures = (UNKNOWN if value is None else f"{value:.4f}" for value in (one.auc, one.average_precision, one.brier))
    return one.side, one.says, f"{one.known:,}", rate, *figures


def worth(one: Example) -> str:
    """What was in the cart, in money."""
    return f"{one.value:,.2f} {one.currency}".rstrip()


def moment(at_ms: int) -> str:
    """A time of the log, UTC.

    >>> moment(1_700_000_000_123)
    '2023-11-14 22:13:20'
    """
    return iso(at_ms)[:19].replace("T", " ")


def summary(facts: Comparison) -> str:
    """The whole in a sentence or two."""
    a, b, carts = facts.a, facts.b, facts.carts
    if not a.sent and not b.sent:
        return "Neither side sends anything."
    if not carts.only_a and not carts.only_b and carts.both == carts.same:
        return f"No difference: both sides address the same {carts.both:,} carts at the same moments."
    more = f"A sends {a.sent:,} interventions, B {b.sent:,}."
    alone = f"{carts.only_a:,} carts are addressed by A alone, {carts.only_b:,} by B alone, {carts.both:,} by both"
    return f"{more} {alone}, of these {carts.same:,} at the same moment."

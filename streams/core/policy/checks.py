"""Why a candidate is not sent: each check is a function that answers a reason, or None. The first reason counts."""

from collections.abc import Callable
from typing import Final, NamedTuple

from schemas.decisions import Reason
from schemas.shopper import Nudge
from streams.core import carts
from streams.core.asks import Ask, episode_cause
from streams.core.policy.rules import CartAtRisk, CartNudge, PolicyRules


class Candidate(NamedTuple):
    """An intervention that might be sent. `scores` is empty where rules answered. `now_ms`: log time now."""

    ask: Ask
    rule: CartNudge | CartAtRisk
    scores: dict[str, float]
    nudges: tuple[Nudge, ...]
    policy: PolicyRules
    now_ms: int


def eligible(candidate: Candidate) -> Reason | None:
    """The cart is worth it."""
    cart = candidate.ask.cart
    worth_it = cart is not None and carts.value(cart) >= candidate.rule.min_value
    return None if candidate.rule.enabled and worth_it else "not_eligible"


def consent(candidate: Candidate) -> Reason | None:
    """The shopper may be addressed, as far as consent is known; where it was not read lately, nobody may."""
    rule, ask = candidate.policy.consent, candidate.ask
    said = dict(ask.consents).get(rule.category)
    unread = ask.at_ms - ask.consent_ms > rule.max_age_s * 1_000
    return "no_consent" if unread or said is False or (said is None and rule.required) else None


def not_converted(candidate: Candidate) -> Reason | None:
    """No later purchase is known."""
    return "already_converted" if candidate.ask.converted else None


def once_per_episode(candidate: Candidate) -> Reason | None:
    """Nothing was sent about this cart yet."""
    episode = episode_cause(candidate.ask.cart) if candidate.ask.cart else ""
    return "duplicate" if any(nudge.episode == episode for nudge in candidate.nudges) else None


def capped(candidate: Candidate) -> Reason | None:
    """The shopper has not had enough for the window."""
    caps = candidate.policy.caps
    since_ms = candidate.ask.at_ms - caps.window_s * 1_000
    recent = sum(nudge.at_ms > since_ms for nudge in candidate.nudges)
    return "frequency_cap" if recent >= caps.per_shopper else None


def would_buy_anyway(candidate: Candidate) -> Reason | None:
    """The model does not expect the purchase without us."""
    if isinstance(candidate.rule, CartAtRisk):
        return None
    return "low_confidence" if candidate.scores.get("purchase_24h", 0.0) > candidate.rule.max_purchase_24h else None


def in_time(candidate: Candidate) -> Reason | None:
    """It is still useful: the moment is not long past."""
    late_ms = candidate.now_ms - candidate.ask.at_ms
    if late_ms <= candidate.rule.max_late_s * 1_000:
        return None
    return "stale_timer" if candidate.ask.asked == "timer" else "stale_features"


Check = Callable[[Candidate], Reason | None]
CHECKS: Final[tuple[tuple[str, Check], ...]] = (
    ("eligible", eligible),
    ("consent", consent),
    ("converted", not_converted),
    ("episode", once_per_episode),
    ("cap", capped),
    ("confidence", would_buy_anyway),
    ("in_time", in_time),
)


def judge(candidate: Candidate) -> tuple[Reason | None, tuple[str, ...]]:
    """The first reason not to send, None where there is none, and the trace of the checks that were made."""
    trace: list[str] = []
    for name, check in CHECKS:
        reason = check(candidate)
        trace.append(f"{name}:{reason or 'ok'}")
        if reason is not None:
            return reason, tuple(trace)
    return None, tuple(trace)

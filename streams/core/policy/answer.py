"""From an ask and its scores to what is done: the decision, and an intervention, a suppression or a retraction.

Only this writes and reads a shopper's `nudges`; `step` does not: stepping on while answers are awaited changes nothing.
"""

from struct import Struct
from typing import Literal, NamedTuple

import msgspec
import xxhash

from inference.answers import Scores
from inference.inputs import CONTEXT, Request
from schemas.decisions import Decided, Decision, Mode, Model, Policy, Reason
from schemas.interventions import (
    Content,
    Intervention,
    Retraction,
    Suppressed,
    Target,
    Trigger,
    content,
    iso,
)
from schemas.kinds import NAMES
from schemas.shopper import Cart, Nudge, Shopper
from streams.core import outputs
from streams.core.asks import Ask, episode_cause
from streams.core.ids import name_based_uuid
from streams.core.outputs import Output
from streams.core.policy.checks import Candidate
from streams.core.policy.explore import NOTHING, Act, act
from streams.core.policy.reasons import reasons
from streams.core.policy.rules import CartAtRisk, CartNudge, PolicyRules

KEEP_NUDGES_MS = 30 * 86_400_000
_CONTEXT = Struct(f"<{len(CONTEXT)}d")


class Scored(NamedTuple):
    """What a round's model call said about one ask, and log time when the round was answered."""

    mode: Mode
    model: Model | None
    scores: Scores | None
    now_ms: int


def answer(ask: Ask, scored: Scored, policy: PolicyRules) -> list[Output]:
    """What to send for an ask. Keeps in the shopper's record what was sent."""
    shopper = ask.shopper
    if ask.asked == "purchase":
        return _retractions(ask, shopper)
    scores = {} if scored.scores is None else _named(scored.scores)
    kind, rule = _candidate(ask, scores, policy)
    if rule is None:
        decided = _decided(ask, scored, scores, policy, NOTHING)
        return [outputs.decision(ask, _decision(ask, scored, decided, "none", None))]
    done = act(Candidate(ask, rule, scores, shopper.nudges, policy, scored.now_ms))
    decided = _decided(ask, scored, scores, policy, done)
    taken = outputs.decision(ask, _decision(ask, scored, decided, kind, done.reason))
    if done.reason is not None:
        return [taken, outputs.suppressed(ask, _suppressed(ask, kind, decided, done.reason))]
    sent = _intervention(ask, kind, rule, decided)
    _keep(shopper, ask, sent, rule)
    return [taken, outputs.intervention(ask, sent)]


def intervention_id(ask: Ask, kind: str, version: str, cause: str) -> str:
    """The id of what is done about a cause: a name-based UUID (RFC 9562, version 5), the same whenever it is made."""
    return name_based_uuid(f"{ask.key.decode()}|{kind}|{version}|{cause}")


def _candidate(ask: Ask, scores: dict[str, float], policy: PolicyRules) -> tuple[str, CartNudge | CartAtRisk | None]:
    if ask.asked == "timer":
        return "cart_nudge", policy.cart_nudge
    at_risk = scores.get("abandon_30m", -1.0) >= policy.cart_at_risk.min_abandon_30m
    if ask.cart is None or not at_risk or not policy.cart_at_risk.enabled or _addressed(ask.cart, ask.shopper):
        return "none", None  # every event of a cart that was addressed would be one more candidate
    return "cart_at_risk", policy.cart_at_risk


def _addressed(cart: Cart, shopper: Shopper) -> bool:
    return any(nudge.episode == episode_cause(cart) for nudge in shopper.nudges)


def _named(scores: Scores) -> dict[str, float]:
    return {"purchase_24h": scores.purchase_24h, "abandon_30m": scores.abandon_30m}


def _decided(ask: Ask, scored: Scored, scores: dict[str, float], policy: PolicyRules, done: Act) -> Decided:
    return Decided(
        mode=scored.mode,
        model=scored.model,
        scores=scores,
        propensity=done.propensity,
        reasons=reasons(ask.request, scored.scores.pushes if scored.scores else b"") if done.trace else (),
        policy=Policy(id=policy.id, version=policy.version, trace=done.trace),
    )


def _decision(ask: Ask, scored: Scored, decided: Decided, action: str, reason: Reason | None) -> Decision:
    return Decision(
        decision_id=intervention_id(ask, "decision", decided.policy.version, ask.cause),
        user_id=ask.key.decode(),
        asked="timer" if ask.asked == "timer" else "event",
        cause=ask.cause,
        at_ms=ask.at_ms,
        now_ms=scored.now_ms,
        features=_digest(ask.request),
        action=action,
        outcome=_outcome(action, reason),
        decision=decided,
        suppressed=reason,
    )


def _outcome(action: str, reason: Reason | None) -> Literal["none", "sent", "suppressed"]:
    if action == "none":
        return "none"
    return "sent" if reason is None else "suppressed"


def _digest(request: Request | None) -> str:
    return "" if request is None else xxhash.xxh3_64_hexdigest(request.history + _CONTEXT.pack(*request.context))


def _intervention(ask: Ask, kind: str, rule: CartNudge | CartAtRisk, decided: Decided) -> Intervention:
    return Intervention(
        intervention_id=_id_of(ask, kind, decided),
        name=kind,
        version=1,
        target=_target(ask),
        trigger=_trigger(ask),
        decision=decided,
        content=_content(ask),
        not_before=iso(ask.at_ms),
        expires_at=iso(ask.at_ms + rule.expires_s * 1_000),
        channel_hints=rule.channel_hints,
    )


def _suppressed(ask: Ask, kind: str, decided: Decided, reason: Reason) -> Suppressed:
    return Suppressed(
        intervention_id=_id_of(ask, kind, decided),
        name=kind,
        target=_target(ask),
        trigger=_trigger(ask),
        decision=decided,
        content=_content(ask),
        reason=reason,
        suppressed_at=iso(ask.at_ms),
    )


def _retractions(ask: Ask, shopper: Shopper) -> list[Output]:
    """Take back what was sent about carts that are no longer open, and has not expired."""
    gone = [nudge for nudge in shopper.nudges if _pointless(nudge, ask)]
    if not gone:
        return []
    shopper.nudges = tuple(
        msgspec.structs.replace(nudge, retracted=True) if nudge in gone else nudge for nudge in shopper.nudges
    )
    return [outputs.retraction(ask, _retraction(ask, nudge), nudge.cart_id) for nudge in gone]


def _pointless(nudge: Nudge, ask: Ask) -> bool:
    live = not nudge.retracted and nudge.opened_ms <= ask.at_ms < nudge.expires_ms
    return live and nudge.episode not in ask.open_episodes


def _retraction(ask: Ask, nudge: Nudge) -> Retraction:
    return Retraction(
        intervention_id=intervention_id(ask, f"{nudge.kind}.retracted", "", nudge.id),
        retracts=nudge.id,
        name=nudge.kind,
        target=_target(ask),
        trigger=_trigger(ask, nudge.cart_id),
        reason="converted",
        retracted_at=iso(ask.at_ms),
    )


def _keep(shopper: Shopper, ask: Ask, sent: Intervention, rule: CartNudge | CartAtRisk) -> None:
    recent = tuple(nudge for nudge in shopper.nudges if nudge.at_ms > ask.at_ms - KEEP_NUDGES_MS)
    cart = ask.cart
    episode, cart_id, opened_ms = (episode_cause(cart), cart.key, cart.opened_ms) if cart else ("", "", 0)
    nudge = Nudge(
        id=sent.intervention_id,
        kind=sent.name,
        episode=episode,
        at_ms=ask.at_ms,
        expires_ms=ask.at_ms + rule.expires_s * 1_000,
        cart_id=cart_id,
        opened_ms=opened_ms,
    )
    shopper.nudges = (*recent, nudge)


def _id_of(ask: Ask, kind: str, decided: Decided) -> str:
    return intervention_id(ask, kind, decided.policy.version, ask.cause)


def _target(ask: Ask) -> Target:
    return Target(id=ask.key.decode())


def _trigger(ask: Ask, cart_id: str = "") -> Trigger:
    trigger = ask.trigger
    return Trigger(
        event_id=trigger.message_id,
        event=NAMES[trigger.kind],
        cart_id=cart_id or (ask.cart.key if ask.cart else ""),
        event_time=iso(trigger.at_ms),
    )


def _content(ask: Ask) -> Content:
    cart = ask.cart
    return content("", "", ()) if cart is None else content(cart.key, cart.currency, cart.items)

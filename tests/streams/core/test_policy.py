"""Each reason not to send, the order in which they count, and caps."""

import msgspec
import pytest

from schemas.decisions import Model
from schemas.shopper import Nudge
from streams.core.asks import Ask
from streams.core.policy.answer import Scored, answer
from streams.core.policy.checks import CHECKS
from streams.core.policy.rules import Caps, CartAtRisk, CartNudge, ConsentRule, PolicyRules
from tests.streams.builders import Log
from tests.streams.decided import POLICY, at_risk, partition, run, sent, suppressed

IDLE_S = 30 * 60
DAY_S = 86_400
T0_S = 1_000_000
"""Some time after the epoch: before it, consent would seem to be read."""

ABANDONED = Log().tick(T0_S).cart(T0_S + 10).tick(T0_S + 10 + IDLE_S)
AT_RISK = Log().tick(T0_S).cart(T0_S + 10).tick(T0_S + 11).view(T0_S + 60)


def with_rules(**tables) -> PolicyRules:
    return msgspec.structs.replace(POLICY, **tables)


def decided(log: Log, policy: PolicyRules = POLICY, score=lambda _: None) -> tuple[list[str], list[str]]:
    """The kinds that were sent, and the reasons of those that were not."""
    outputs = run(partition(policy), log.records, score)
    return [body["name"] for body in sent(outputs)], [body["reason"] for body in suppressed(outputs)]


def ask_of(log: Log) -> Ask:
    return partition().step(log.records)[-1]


def answered(ask: Ask, policy: PolicyRules = POLICY, scored: Scored | None = None) -> list[dict]:
    outputs = answer(ask, scored or Scored("rules", None, None, ask.at_ms), policy)
    return [msgspec.json.decode(output.value) for output in outputs]


# One reason each


def test_a_cart_that_is_not_worth_it_is_not_eligible():
    policy = with_rules(cart_nudge=CartNudge(min_value=1_001))

    assert decided(ABANDONED, policy) == ([], ["not_eligible"])
    assert decided(ABANDONED, with_rules(cart_nudge=CartNudge(min_value=1_000))) == (["cart_nudge"], [])


def test_a_kind_that_is_switched_off_is_not_eligible_and_a_prediction_is_not_even_made():
    assert decided(ABANDONED, with_rules(cart_nudge=CartNudge(enabled=False))) == ([], ["not_eligible"])
    assert decided(AT_RISK, with_rules(cart_at_risk=CartAtRisk(enabled=False)), at_risk(1.0)) == ([], [])


@pytest.mark.parametrize(
    ("said", "required", "sends"),
    [(None, False, True), (None, True, False), (True, True, True), (False, False, False), (False, True, False)],
)
def test_consent_is_asked_for_or_may_be_denied(said, required, sends):
    log = Log().tick(T0_S)
    if said is not None:
        log.consent(T0_S + 1, granted=said)
    log.cart(T0_S + 10).tick(T0_S + 10 + IDLE_S)

    expected = (["cart_nudge"], []) if sends else ([], ["no_consent"])
    assert decided(log, with_rules(consent=ConsentRule(required=required))) == expected


def test_consent_for_something_else_is_none():
    log = Log().tick(T0_S).consent(T0_S + 1, granted=True).cart(T0_S + 10).tick(T0_S + 10 + IDLE_S)

    assert decided(log, with_rules(consent=ConsentRule(required=True, category="ads"))) == ([], ["no_consent"])


@pytest.mark.parametrize(("age_s", "sends"), [(3_600, True), (3_601, False)])
def test_when_consent_was_not_read_for_long_nobody_is_addressed(age_s, sends):
    deadline_s = T0_S + 10 + IDLE_S
    log = Log().consent(T0_S, granted=True).cart(T0_S + 10).tick(deadline_s, consent_s=deadline_s - age_s)

    assert decided(log) == ((["cart_nudge"], []) if sends else ([], ["no_consent"]))


def test_before_consent_was_ever_read_nobody_is_addressed():
    log = Log().cart(T0_S + 10).tick(T0_S + 11, consent_s=-1).view(T0_S + 60)

    assert decided(log, score=at_risk(1.0)) == ([], ["no_consent"])


def test_a_later_purchase_that_is_known_makes_the_nudge_pointless():
    log = Log().tick(T0_S).cart(T0_S + 10).buy(T0_S + 10 + IDLE_S).tick(T0_S + 10 + IDLE_S)

    assert decided(log) == ([], ["already_converted"])


def test_a_shopper_who_buys_anyway_is_left_alone():
    policy = with_rules(cart_nudge=CartNudge(max_purchase_24h=0.6))

    assert decided(ABANDONED, policy, at_risk(0.0, purchase=0.61)) == ([], ["low_confidence"])
    assert decided(ABANDONED, policy, at_risk(0.0, purchase=0.6)) == (["cart_nudge"], [])
    assert decided(ABANDONED, policy) == (["cart_nudge"], []), "rules do not know"


@pytest.mark.parametrize(("late_s", "reason"), [(3_600, None), (3_601, "stale_timer")])
def test_a_timer_that_comes_long_after_its_deadline_is_stale(late_s, reason):
    ask = ask_of(ABANDONED)
    decision, *_ = answered(ask, scored=Scored("rules", None, None, ask.at_ms + late_s * 1_000))

    assert decision["suppressed"] == reason


@pytest.mark.parametrize(("late_s", "reason"), [(300, None), (301, "stale_features")])
def test_a_prediction_that_comes_late_is_stale(late_s, reason):
    ask = ask_of(AT_RISK)
    scores = at_risk(0.9)(ask.request)
    decision, *_ = answered(
        ask, scored=Scored("model", Model(name="m", version="1"), scores, ask.at_ms + late_s * 1_000)
    )

    assert (decision["action"], decision["suppressed"]) == ("cart_at_risk", reason)


# Thresholds of the prediction


@pytest.mark.parametrize(("abandon", "sends"), [(0.85, True), (0.849, False)])
def test_an_open_cart_at_risk_is_nudged_from_the_threshold_on(abandon, sends):
    assert decided(AT_RISK, score=at_risk(abandon)) == ((["cart_at_risk"] if sends else []), [])


def test_without_a_model_nothing_is_predicted():
    assert decided(AT_RISK, with_rules(cart_at_risk=CartAtRisk(min_abandon_30m=0.0))) == ([], [])


# The trace


def test_all_checks_are_made_in_this_order_and_said():
    nudge = sent(run(partition(), ABANDONED.records))[0]

    assert nudge["decision"]["policy"] == {
        "id": "test",
        "version": "1",
        "trace": ["eligible:ok", "consent:ok", "converted:ok", "episode:ok", "cap:ok", "confidence:ok", "in_time:ok"],
    }


FAILING = {
    "eligible": ("not_eligible", {"cart_nudge": CartNudge(min_value=1 << 40, max_purchase_24h=0.0)}),
    "consent": ("no_consent", {"consent": ConsentRule(required=True)}),
    "converted": ("already_converted", {}),
    "episode": ("duplicate", {}),
    "cap": ("frequency_cap", {"caps": Caps(per_shopper=0)}),
    "confidence": ("low_confidence", {"cart_nudge": CartNudge(max_purchase_24h=0.0)}),
    "in_time": ("stale_timer", {}),
}
"""For each check its reason, and a policy under which an ask that everything speaks against fails it."""


@pytest.mark.parametrize("first", range(len(CHECKS)))
def test_the_first_check_that_fails_gives_the_reason_and_ends_the_trace(first):
    """Of the checks, all from the `first` on fail."""
    names = [name for name, _ in CHECKS]
    failing = names[first:]
    tables = {}
    for name in reversed(failing):
        tables |= FAILING[name][1]
    ask = ask_of(ABANDONED)
    ask.shopper.nudges = (Nudge("x", "cart_nudge", ask.cause if "episode" in failing else "", 0, 0),)
    ask = ask._replace(converted="converted" in failing)
    now_ms = ask.at_ms + DAY_S * 1_000
    decision, *_ = answered(ask, with_rules(**tables), Scored("model", None, at_risk(0.5)(ask.request), now_ms))

    reason = FAILING[failing[0]][0]
    assert decision["suppressed"] == reason
    assert decision["decision"]["policy"]["trace"] == [
        *(f"{name}:ok" for name in names[:first]),
        f"{failing[0]}:{reason}",
    ]


# Caps


def nudged_at(*times_s: float) -> tuple[Nudge, ...]:
    return tuple(Nudge(f"n{at_s}", "cart_nudge", "", round(at_s * 1_000), 0) for at_s in times_s)


@pytest.mark.parametrize(("ago_s", "reason"), [(DAY_S, None), (DAY_S - 1, "frequency_cap")])
def test_caps_count_what_was_sent_in_a_rolling_window(ago_s, reason):
    ask = ask_of(ABANDONED)
    at_s = ask.at_ms / 1_000
    ask.shopper.nudges = nudged_at(at_s - ago_s, at_s - 5, at_s - 4)

    decision, *_ = answered(ask)

    assert decision["suppressed"] == reason


def test_caps_count_all_kinds_together_and_what_was_held_back_not_at_all():
    log = Log().tick(T0_S)
    for number in range(5):
        log.cart(T0_S + number, cart_id=f"c{number}")

    outcome = decided(log.tick(T0_S + 10 + IDLE_S), with_rules(caps=Caps(per_shopper=2)))

    assert outcome == (["cart_nudge"] * 2, ["frequency_cap"] * 3)


def test_what_was_sent_is_remembered_for_thirty_days():
    ask = ask_of(ABANDONED)
    at_s = ask.at_ms / 1_000
    ask.shopper.nudges = nudged_at(at_s - 30 * DAY_S, at_s - 30 * DAY_S + 1)

    answered(ask)

    assert [nudge.id for nudge in ask.shopper.nudges][:-1] == [f"n{at_s - 30 * DAY_S + 1}"]


# One nudge for each episode


def test_an_episode_is_nudged_once_and_the_timer_is_a_duplicate_then():
    log = Log().tick(T0_S).cart(T0_S + 10).tick(T0_S + 11).view(T0_S + 60).view(T0_S + 70).tick(T0_S + 10 + IDLE_S)

    assert decided(log, score=at_risk(0.9)) == (["cart_at_risk"], ["duplicate"])


def test_the_next_episode_of_the_same_cart_is_another_one():
    log = Log().tick(T0_S).cart(T0_S).tick(T0_S + IDLE_S).cart(T0_S + DAY_S).tick(T0_S + DAY_S + IDLE_S)

    assert decided(log) == (["cart_nudge"] * 2, [])


def test_a_decision_without_a_candidate_says_none():
    (decision,) = answered(ask_of(AT_RISK))

    assert (decision["action"], decision["outcome"], decision["decision"]["policy"]["trace"]) == ("none", "none", [])

"""Exploration: a coin that is a hash decides about a share of cart nudges, and each decision tells its propensity."""

from collections import Counter

import msgspec
import pytest

from inference.answers import Answer, Scores
from schemas.decisions import Model
from schemas.topics import DECISIONS
from streams.core.policy.rules import Caps, CartNudge, ConsentRule, Explore, PolicyRules, parse
from tests.streams.builders import Log
from tests.streams.decided import POLICY, at_risk, partition, run

T0_S = 1_000_000
IDLE_S = 30 * 60
SHARE = 0.4
SHOPPERS = [f"shopper-{number}" for number in range(400)]


def exploring(seed: str = "a", share: float = SHARE, **tables) -> PolicyRules:
    return msgspec.structs.replace(POLICY, explore=Explore(share=share, seed=seed), **tables)


def crowd() -> Log:
    log = Log().tick(T0_S)
    for shopper in SHOPPERS:
        log.cart(T0_S + 10, user=shopper)
    return log.tick(T0_S + 10 + IDLE_S)


def decisions(policy: PolicyRules, log: Log | None = None, purchase: float = 0.5) -> list[dict]:
    """The cart nudges that were decided, where a model says that the cart is bought with this probability."""
    outputs = run(partition(policy), (log or crowd()).records, at_risk(0.0, purchase=purchase))
    told = [msgspec.json.decode(one.value) for one in outputs if one.topic == DECISIONS.name]
    return [one for one in told if one["asked"] == "timer"]


def acts(told: list[dict]) -> Counter[tuple[str, float]]:
    return Counter((one["outcome"], round(one["decision"]["propensity"], 9)) for one in told)


def test_as_many_are_held_back_as_the_propensity_says():
    counts = acts(decisions(exploring()))

    assert counts.keys() == {("sent", 1 - SHARE / 2), ("suppressed", SHARE / 2)}
    held = counts["suppressed", SHARE / 2] / len(SHOPPERS)
    assert held == pytest.approx(SHARE / 2, abs=0.06), "three standard errors"


def test_as_many_are_sent_against_the_rules_as_the_propensity_says():
    told = decisions(exploring(cart_nudge=CartNudge(max_purchase_24h=0.6)), purchase=0.9)

    counts = acts(told)
    assert {one.get("suppressed") for one in told} == {None, "low_confidence"}
    assert counts.keys() == {("suppressed", 1 - SHARE / 2), ("sent", SHARE / 2)}
    assert counts["sent", SHARE / 2] / len(SHOPPERS) == pytest.approx(SHARE / 2, abs=0.06)


def test_a_decision_says_that_the_coin_took_it():
    told = decisions(exploring(share=1.0))

    assert {one["decision"]["policy"]["trace"][-1] for one in told} == {"explore:send", "explore:hold"}
    assert {one.get("suppressed") for one in told} == {None, "holdout"}


def test_the_same_seed_takes_the_same_decisions_and_another_seed_others():
    assert decisions(exploring("a")) == decisions(exploring("a"))
    assert decisions(exploring("a")) != decisions(exploring("b"))


def test_shoppers_have_their_own_coins_even_where_their_carts_have_one_coordinate():
    logs = [Log().tick(T0_S).cart(T0_S + 10, user=user).tick(T0_S + 10 + IDLE_S) for user in SHOPPERS[:40]]

    told = [decision for log in logs for decision in decisions(exploring(share=1.0), log)]

    assert len({one["cause"] for one in told}) == 1
    assert {one["outcome"] for one in told} == {"sent", "suppressed"}


def test_the_coin_of_a_shopper_does_not_look_at_the_policy():
    held = {one["user_id"] for one in decisions(exploring(share=0.2)) if one["outcome"] == "suppressed"}
    cautious = exploring(share=0.2, version="2", cart_nudge=CartNudge(min_value=1))

    assert {one["user_id"] for one in decisions(cautious) if one["outcome"] == "suppressed"} == held


@pytest.mark.parametrize(
    ("tables", "reason"),
    [
        ({"consent": ConsentRule(required=True)}, "no_consent"),
        ({"caps": Caps(per_shopper=0)}, "frequency_cap"),
        ({"cart_nudge": CartNudge(enabled=False)}, "not_eligible"),
        ({"cart_nudge": CartNudge(min_value=1_001)}, "not_eligible"),
    ],
)
def test_no_coin_breaks_a_promise(tables, reason):
    told = decisions(exploring(share=1.0, **tables))

    assert acts(told) == {("suppressed", 1.0): len(SHOPPERS)}
    assert {one["suppressed"] for one in told} == {reason}


def test_an_open_cart_is_not_left_to_a_coin_which_each_of_its_events_would_toss_again():
    log = Log().tick(T0_S).cart(T0_S + 10).tick(T0_S + 11).view(T0_S + 60)
    outputs = run(partition(exploring(share=1.0)), log.records, at_risk(1.0))

    told = [msgspec.json.decode(one.value) for one in outputs if one.topic == DECISIONS.name]
    at_open_cart = [one for one in told if one["action"] == "cart_at_risk"]
    assert acts(at_open_cart) == {("sent", 1.0): 1}


def test_a_promise_that_stands_behind_the_choice_is_kept_too():
    log = Log().tick(T0_S)
    for shopper in SHOPPERS[:50]:
        log.cart(T0_S + 10, user=shopper)
    late = exploring(share=1.0, cart_nudge=CartNudge(max_purchase_24h=0.6, max_late_s=0))
    part = partition(late)
    for ask in part.step(log.tick(T0_S + 10 + IDLE_S).records):
        scores = [] if ask.request is None else [Scores(0.9, 0.0, ())]
        part.answer([ask], Answer("model", Model(name="m", version="1"), scores), now_ms=ask.at_ms + 1)

    told = [msgspec.json.decode(one.value) for one in part.take() if one.topic == DECISIONS.name]
    nudges = [one for one in told if one["asked"] == "timer"]
    assert acts(nudges) == {("suppressed", 1.0): 50}


def test_without_exploration_every_propensity_is_1():
    assert acts(decisions(POLICY)) == {("sent", 1.0): len(SHOPPERS)}


def test_chance_without_a_seed_is_refused():
    with pytest.raises(msgspec.ValidationError, match="expected a seed beside"):
        parse('id = "a"\nversion = "1"\n[explore]\nshare = 0.1\n')

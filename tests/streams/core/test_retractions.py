"""What was sent is taken back when it has become pointless; and ids, by which all of it is known."""

from uuid import NAMESPACE_URL, uuid5

import msgspec

from schemas.shopper import Shopper
from streams.core.asks import Ask
from streams.core.policy.answer import Scored, answer
from streams.core.policy.rules import Caps, PolicyRules
from tests.streams.builders import Log
from tests.streams.decided import POLICY, at_risk, partition, run, sent

IDLE_S = 30 * 60
T0_S = 1_000_000
ABANDONED = Log().tick(T0_S).cart(T0_S + 10).tick(T0_S + 10 + IDLE_S)


def ask_of(log: Log) -> Ask:
    return partition().step(log.records)[-1]


def retracting(log: Log) -> list[dict]:
    return [body for body in sent(run(partition(), log.records, at_risk(0.9))) if "retracts" in body]


def test_a_nudge_about_a_cart_that_stays_open_is_not_taken_back():
    log = Log().tick(T0_S).cart(T0_S, cart_id="a").tick(T0_S + 1).view(T0_S + 10).cart(T0_S + 11, cart_id="b")

    assert retracting(log.buy(T0_S + 20, cart_id="b").tick(T0_S + 30)) == []


def test_a_nudge_about_the_cart_that_was_bought_is_taken_back():
    log = Log().tick(T0_S).cart(T0_S, cart_id="a").tick(T0_S + 1).view(T0_S + 10).buy(T0_S + 20, cart_id="a")

    (retraction,) = retracting(log.tick(T0_S + 30))

    assert (retraction["trigger"]["cart_id"], retraction["trigger"]["event"]) == ("a", "Order Completed")


def test_what_has_expired_is_not_taken_back():
    expires_s = 1_800
    log = Log().tick(T0_S).cart(T0_S).tick(T0_S + 1).view(T0_S + 10)
    for at_s in range(600, expires_s + 600, 600):  # the cart stays alive
        log.cart(T0_S + at_s)

    assert retracting(log.buy(T0_S + 10 + expires_s).tick(T0_S + 2_000)) == []


def test_a_retraction_is_made_once_however_many_purchases_follow():
    log = Log().tick(T0_S).cart(T0_S).tick(T0_S + IDLE_S).buy(T0_S + 2_000).tick(T0_S + 2_001).buy(T0_S + 2_002)

    assert len(retracting(log.tick(T0_S + 2_010))) == 1


def test_a_purchase_of_a_shopper_who_was_never_nudged_says_nothing():
    ask = ask_of(Log().cart(10).buy(20).tick(30))

    assert answer(ask, Scored("rules", None, None, 0), POLICY) == []
    assert ask.shopper == Shopper(**msgspec.structs.asdict(ask.shopper))


def id_of(ask: Ask, policy: PolicyRules = POLICY) -> str:
    ask.shopper.nudges = ()
    _, output = answer(ask, Scored("rules", None, None, ask.at_ms), policy)
    return msgspec.json.decode(output.value)["intervention_id"]


def test_an_id_is_the_same_whenever_it_is_made():
    """Not of the offset of the TICK that fired, nor of the clock, nor of what was answered."""
    late = Log().tick(T0_S).cart(T0_S + 10).view(T0_S + 20).tick(T0_S + 500).tick(T0_S + 10 + IDLE_S + 77)
    first, second = ask_of(ABANDONED), ask_of(late)

    assert id_of(first) == id_of(second)
    assert id_of(first) == str(uuid5(NAMESPACE_URL, "ann|cart_nudge|1|episode:2/0/0/0"))


def test_another_version_of_the_policy_makes_other_ids():
    ask = ask_of(ABANDONED)

    assert id_of(ask, msgspec.structs.replace(POLICY, version="2")) != id_of(ask)


def test_what_was_suppressed_has_the_id_that_it_would_have_been_sent_with():
    ask = ask_of(ABANDONED)

    assert id_of(ask, msgspec.structs.replace(POLICY, caps=Caps(per_shopper=0))) == id_of(ask)


def test_a_late_purchase_from_before_the_cart_was_opened_takes_nothing_back():
    log = Log().cart(1_000).tick(1_000 + IDLE_S).buy(900).tick(2_000 + IDLE_S)

    assert ["retracts" in body for body in sent(run(partition(), log.records))] == [False]

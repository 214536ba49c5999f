"""Which recorded decisions become rows, and what of each."""

from schemas.decisions import Decided, Decision, Policy
from streams.replay.offpolicy.decided import chance_of_sending, nudges, rows
from streams.replay.offpolicy.orders import Orders
from streams.replay.timeline import Logged
from tests.streams.builders import Log

T0_S, DAY_S = 1_000_000, 86_400


def decision(user: str, *, sent: bool, propensity: float, asked: str = "timer") -> Decision:
    decided = Decided(
        mode="rules", model=None, scores={}, propensity=propensity, reasons=(), policy=Policy(id="p", version="1")
    )
    return Decision(
        decision_id=user, user_id=user, asked=asked, cause="episode:2/0/0/0", at_ms=T0_S * 1_000, now_ms=T0_S * 1_000,
        features="", action="cart_nudge", outcome="sent" if sent else "suppressed", decision=decided,
    )  # fmt: skip


def days_later() -> Orders:
    log = Log().buy(T0_S + 5, user="ann").tick(T0_S + 2 * DAY_S)
    return Orders(Logged(one.offset, one.key, one.value or b"", 0) for one in log.records)


def test_the_chance_of_sending_is_known_whatever_was_done() -> None:
    assert chance_of_sending(decision("ann", sent=True, propensity=0.75)) == 0.75
    assert chance_of_sending(decision("ann", sent=False, propensity=0.25)) == 0.75


def test_what_the_logged_policy_never_does_has_no_row() -> None:
    certain = [decision("ann", sent=True, propensity=1.0), decision("bob", sent=False, propensity=1.0)]
    same, opposite, coin = (
        [decision("ann", sent=ann, propensity=share), decision("bob", sent=bob, propensity=share)]
        for ann, bob, share in ((True, False, 1.0), (False, True, 1.0), (True, False, 0.9))
    )

    assert rows(nudges(certain), nudges(same), days_later(), "bought").sends == [1.0, 0.0]
    for other in (opposite, coin):
        made = rows(nudges(certain), nudges(other), days_later(), "bought")
        assert (made.logged, made.left.unsupported) == ([], 2)


def test_decisions_about_events_and_those_that_do_not_come_up_have_no_row() -> None:
    logged = nudges(decision(name, sent=True, propensity=0.5, asked=asked) for name, asked in (
        ("ann", "timer"), ("bob", "event"), ("eve", "timer"),
    ))  # fmt: skip

    made = rows(logged, nudges([decision("ann", sent=False, propensity=1.0)]), days_later(), "bought")

    assert [one.user_id for one in made.logged] == ["ann"]
    assert (made.sends, made.reward, made.left.unmatched) == ([0.0], [1.0], 1)


def test_what_is_younger_than_a_day_has_no_row() -> None:
    young = nudges([decision("ann", sent=True, propensity=0.5)])
    log = Log().buy(T0_S + 5, user="ann").tick(T0_S + DAY_S - 1)

    made = rows(young, young, Orders(Logged(0, one.key, one.value or b"", 0) for one in log.records), "bought")

    assert (made.logged, made.left.unfinished) == ([], 1)

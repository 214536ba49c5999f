"""From the recorded decisions of one policy, and those of another on the same log, to feedback.

A row is one cart nudge that was decided: one decision for each cart that was abandoned. The acts are two: it was sent,
or it was held back.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec
import numpy as np

from schemas.decisions import Decision
from streams.replay.offpolicy.feedback import Feedback, Floats, feedback, with_model
from streams.replay.offpolicy.orders import Orders, Reward
from streams.replay.offpolicy.outcome_model import expectations

Causes = Mapping[tuple[str, str], Decision]
"""Decisions by shopper and cause: these do not change with the policy."""
HELD, SENT = 0, 1


class Left(msgspec.Struct, kw_only=True):
    """Decisions that no row was made of, and why.

    `unfinished`: their 24 hours are not over. `unsupported`: the other policy might do there what the logged one never
    did. `unmatched`: the other policy had nothing to decide there.
    """

    unfinished: int = 0
    unsupported: int = 0
    unmatched: int = 0


class Rows(NamedTuple):
    """The rows: what was logged, and the chance that the other policy sends. All by the same order."""

    logged: list[Decision]
    sends: list[float]
    reward: list[float]
    left: Left


def nudges(decisions: Iterable[Decision]) -> Causes:
    """The decisions about abandoned carts."""
    return {(one.user_id, one.cause): one for one in decisions if one.asked == "timer"}


def chance_of_sending(decision: Decision) -> float:
    """The probability with which the policy of a decision sends here, whatever it did.

    With two acts, that of the other is what is left of 1.
    """
    done = decision.decision.propensity
    return done if decision.outcome == "sent" else 1 - done


def rows(logged: Causes, other: Causes, orders: Orders, reward: Reward) -> Rows:
    """A row for each logged decision that can be told something from, in the order of shoppers and causes."""
    made = Rows([], [], [], Left())
    for key in sorted(logged):
        decision, earned = logged[key], orders.earned(logged[key].user_id, logged[key].at_ms, reward)
        counterpart = other.get(key)
        if earned is None:
            made.left.unfinished += 1
        elif counterpart is None:
            made.left.unmatched += 1
        elif not _supported(chance_of_sending(decision), sends := chance_of_sending(counterpart)):
            made.left.unsupported += 1
        else:
            made.logged.append(decision)
            made.sends.append(sends)
            made.reward.append(earned)
    return made


def feedback_of(made: Rows) -> Feedback:
    """The rows as feedback, with a model of the reward that is fitted on other shoppers. Raises `ValueError`."""
    sends = np.array(made.sends)
    act = np.array([SENT if one.outcome == "sent" else HELD for one in made.logged], dtype=np.int64)
    shoppers = sorted({one.user_id for one in made.logged})
    numbers = {user_id: number for number, user_id in enumerate(shoppers)}
    plain = feedback(
        np.array(made.reward),
        np.array([one.decision.propensity for one in made.logged]),
        np.where(act == SENT, sends, 1 - sends),
        np.array([numbers[one.user_id] for one in made.logged], dtype=np.int64),
    )
    model = expectations(_features(made.logged), act, plain.reward, plain.cluster, acts=2)
    mean = sends * model[:, SENT] + (1 - sends) * model[:, HELD]
    return with_model(plain, model[np.arange(len(act)), act], mean)


def _supported(logged: float, other: float) -> bool:
    """Whether the logged policy may do all that the other may."""
    return (logged > 0 or other == 0) and (logged < 1 or other == 1)


def _features(decisions: list[Decision]) -> Floats:
    """What was recorded with each decision, shape (n, d): scores, and the logarithm of what the reasons name.

    What was not recorded is 0.
    """
    known = [
        {**one.decision.scores, **{said.feature: np.log1p(max(said.value, 0.0)) for said in one.decision.reasons}}
        for one in decisions
    ]
    names = sorted({name for one in known for name in one})
    return np.array([[one.get(name, 0.0) for name in names] for one in known], dtype=np.float64)

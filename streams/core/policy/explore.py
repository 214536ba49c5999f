"""Now and then a cart nudge is left to a coin, so that a log can tell what another policy would have earned.

The coin is a hash of what the decision is about, never a random number: the same log gives the same acts.
"""

from typing import Final, NamedTuple

import xxhash

from schemas.decisions import Reason
from streams.core.policy.checks import CHECKS, Candidate, judge
from streams.core.policy.rules import CartNudge

CHOICES: Final = frozenset({"confidence"})
"""The checks that are a choice of whom to address. All others are a promise, and no coin breaks it."""
_OF: Final = 1 << 53  # as many bits as a float has: more would round up to 1


class Act(NamedTuple):
    """Why a candidate is not sent, None where it is; the checks that were made; and with which probability it came so.

    `propensity` is 1 where the policy had no choice, or did not explore.
    """

    reason: Reason | None
    trace: tuple[str, ...]
    propensity: float = 1.0


NOTHING: Final = Act(None, ())
"""No candidate: no act."""


def act(candidate: Candidate) -> Act:
    """What is done: as the checks say, but for `explore.share` of cart nudges, for which a fair coin decides.

    So what the checks say is done with probability 1 - share / 2, and the other with share / 2 (epsilon-greedy).
    """
    reason, trace = judge(candidate)
    share = candidate.policy.explore.share
    if not share or not _is_choice(candidate):
        return Act(reason, trace)
    drawn = coin(candidate)
    if drawn >= share:
        return Act(reason, trace, 1 - share / 2)
    sends = drawn < share / 2
    propensity = 1 - share / 2 if sends == (reason is None) else share / 2
    if sends:
        return Act(None, (*trace, "explore:send"), propensity)
    return Act(reason or "holdout", (*trace, "explore:hold"), propensity)


def coin(candidate: Candidate) -> float:
    """A number in [0, 1), of the policy's seed, the shopper and the cause: the same whenever they are."""
    ask = candidate.ask
    name = f"{candidate.policy.explore.seed}|{ask.key.decode()}|{ask.cause}"
    return (xxhash.xxh3_64_intdigest(name.encode()) >> 11) / _OF


def _is_choice(candidate: Candidate) -> bool:
    """Whether it may be sent and may be held back: only a cart's one nudge, and only where no promise is against it."""
    promises = (check for name, check in CHECKS if name not in CHOICES)
    return isinstance(candidate.rule, CartNudge) and all(check(candidate) is None for check in promises)

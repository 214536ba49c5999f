"""What another policy would have earned on a recorded log: the way in from Python, and what `kairos estimate` prints.

The other policy decides by a replay of the recorded timeline, with the recorded scores and with its own caps: so what
it would have done is exact. What would have come of that is not known, but where the logged policy did the same by
chance, with a known probability, it was seen. One thing is taken for granted: a nudge changes what the shopper orders
within 24 hours, and neither which carts there are later nor what comes of another nudge. That nothing tells both what
was done and what came of it, but what is in the propensity, need not be: the coin is a hash of ids.
"""

from collections.abc import Iterable
from tempfile import TemporaryDirectory

import msgspec

from schemas.decisions import Decision, decode_decision
from schemas.topics import DECISIONS
from streams.replay.books import Books
from streams.replay.engine import Phase, Plan, run
from streams.replay.job import reading
from streams.replay.logs import LineLog, Log
from streams.replay.offpolicy.decided import Left, feedback_of, nudges, rows
from streams.replay.offpolicy.estimate import Estimates, estimates
from streams.replay.offpolicy.orders import Orders, Reward
from streams.replay.recorded import told
from streams.replay.share import WHOLE

MOST_LEFT_OUT = 0.05
"""Where a larger share is left out, the estimate is about other decisions than those that will be taken."""
STOPPED = "expected a whole replay, it was stopped; an estimate needs all of the log"


class Earned(msgspec.Struct, frozen=True, kw_only=True):
    """What can be said. `logged` and `policy` name policies; rewards are per decision.

    `by_chance` is the share of the rows in which the logged policy had a coin. `at_risk_differs` counts interventions
    of the kind cart_at_risk that only one of the two policies sends: they are never left to a coin.
    """

    log: str
    logged: tuple[str, ...]
    policy: str
    reward: Reward
    decisions: int
    by_chance: float
    left_out: Left
    at_risk_differs: int
    estimates: Estimates
    warnings: tuple[str, ...]


def earned(plan: Plan, reward: Reward = "bought", seed: int = 1, phase: Phase | None = None) -> Earned:
    """The estimate for the plan's policy on the plan's log, a recorded timeline with decisions beside it.

    Errors: those of the log, and `ValueError` where nothing can be estimated, in one line.
    """
    was = list(_recorded(plan.log))
    would_be = _replayed(plan, phase)
    orders = Orders(record for _, record in reading(plan.log, WHOLE, Books(None)).records())
    made = rows(nudges(was), nudges(would_be), orders, reward)
    if not made.logged:
        raise ValueError(_nothing(len(nudges(was)), made.left))
    feedback = feedback_of(made)
    found = estimates(feedback, seed)
    differs = len(_at_risk(was) ^ _at_risk(would_be))
    return Earned(
        log=plan.name,
        logged=tuple(sorted({f"{one.decision.policy.id} {one.decision.policy.version}" for one in was})),
        policy=f"{plan.policy.id} {plan.policy.version}",
        reward=reward,
        decisions=len(made.logged),
        by_chance=float((feedback.propensity < 1).mean()),
        left_out=made.left,
        at_risk_differs=differs,
        estimates=found,
        warnings=(*found.overlap.warnings, *_warnings(len(made.logged), made.left, differs)),
    )


def _recorded(log: Log) -> Iterable[Decision]:
    """Of all decisions, those that count here: most are about events, and nothing came of them."""
    decisions = (decode_decision(one.value) for one in told(log, WHOLE, (DECISIONS,)))
    return (one for one in decisions if one.asked == "timer" or one.outcome == "sent")


def _replayed(plan: Plan, phase: Phase | None) -> list[Decision]:
    """What the plan's policy decides on the same log."""
    with TemporaryDirectory(prefix="kairos-estimate-") as folder:
        asks = msgspec.structs.replace(
            plan.rules, ask_models=True
        )  # the log says which asks were scored, not the settings
        mine = msgspec.structs.replace(plan, out=folder, by="recorded", keep_timeline=False, rules=asks)
        summary = run(mine, phase) if phase else run(mine)
        if not summary.complete:
            raise ValueError(STOPPED)
        return list(_recorded(LineLog(files=(), folder=folder)))


def _at_risk(decisions: Iterable[Decision]) -> set[tuple[str, str]]:
    return {(one.user_id, one.cause) for one in decisions if one.asked == "event" and one.outcome == "sent"}


def _nothing(decisions: int, left: Left) -> str:
    return (
        f"expected decided cart nudges to estimate from, got none of {decisions:,}: {left.unfinished:,} are younger "
        f"than 24 h of log time, {left.unsupported:,} were never left to chance, {left.unmatched:,} the other policy "
        "did not face; log with explore.share above 0 in the policy, for longer than a day"
    )


def _warnings(used: int, left: Left, at_risk_differs: int) -> Iterable[str]:
    known = used + left.unsupported + left.unmatched
    if left.unsupported > MOST_LEFT_OUT * known:
        yield (
            f"in {left.unsupported:,} of {known:,} decisions the other policy may do what the logged one never did: "
            "they are left out, and nothing is said about them"
        )
    if left.unmatched > MOST_LEFT_OUT * known:
        yield f"{left.unmatched:,} of {known:,} decisions do not come up under the other policy, and are left out"
    if at_risk_differs:
        yield (
            f"the policies differ in {at_risk_differs:,} interventions of the kind cart_at_risk, which are never left "
            "to chance: what these earn is not in the estimate"
        )

"""From feedback to what is reported of it: each estimator with its intervals, the gain, and the overlap."""

from typing import Final

import msgspec

from streams.replay.offpolicy import estimators
from streams.replay.offpolicy.estimators import ESTIMATORS
from streams.replay.offpolicy.feedback import Feedback
from streams.replay.offpolicy.intervals import Interval, analytic, by_cluster, influences, percentile, redrawn
from streams.replay.offpolicy.overlap import Overlap, overlap

CONFIDENCE: Final = 0.95
RESAMPLES: Final = 1_000


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """A number in the unit of the reward, per row, with its intervals. NaN, in JSON null, where there is none."""

    value: float
    analytic: Interval
    bootstrap: Interval


class Estimates(msgspec.Struct, frozen=True, kw_only=True):
    """What the logged policy earned, what the other would have earned by each estimator, and how much more that is."""

    logged: Estimate
    policy: dict[str, Estimate]
    gain: dict[str, Estimate]
    overlap: Overlap
    confidence: float
    resamples: int
    seed: int


def estimates(log: Feedback, seed: int = 1, resamples: int = RESAMPLES, confidence: float = CONFIDENCE) -> Estimates:
    """All that can be said. The same feedback and seed give the same numbers.

    A gain is an estimate less what was logged, on the same rows: its interval is narrower than the two beside it.
    """
    named = {"logged": estimators.logged(log)} | {name: made(log) for name, made in ESTIMATORS.items()}
    sums = by_cluster(list(named.values()), log.cluster)
    moved, drawn = influences(sums), redrawn(sums, resamples, seed)
    values = dict(zip(named, (terms.value for terms in named.values()), strict=True))

    def estimate(nth: int, value: float, less: int | None = None) -> Estimate:
        moves, draws = moved[:, nth], drawn[:, nth]
        if less is not None:
            moves, draws = moves - moved[:, less], draws - drawn[:, less]
        return Estimate(
            value=value, analytic=analytic(value, moves, confidence), bootstrap=percentile(draws, confidence)
        )

    policy = {name: estimate(nth, values[name]) for nth, name in enumerate(ESTIMATORS, 1)}
    gain = {name: estimate(nth, values[name] - values["logged"], 0) for nth, name in enumerate(ESTIMATORS, 1)}
    return Estimates(
        logged=estimate(0, values["logged"]),
        policy=policy,
        gain=gain,
        overlap=overlap(log),
        confidence=confidence,
        resamples=resamples,
        seed=seed,
    )

"""Whom an intervention moves: the uplift curve and Qini of a ranking, on an experiment that drew its arms by chance."""

from typing import Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from streams.replay.offpolicy.estimators import Terms
from streams.replay.offpolicy.feedback import Floats, Ints
from streams.replay.offpolicy.intervals import Interval, analytic, by_cluster, influences, percentile

STEPS: Final = 20
"""At so many shares of the population the curve is reported."""


class Experiment(NamedTuple):
    """n people, each given the intervention by the same chance, or not. All of shape (n,).

    `reward` is what came of it, in any unit; `given` is 1 or 0; who has the higher `score` is ranked before.
    """

    reward: Floats
    given: Ints
    score: Floats


class Measured(NamedTuple):
    """A number and its 95 % interval."""

    value: float
    interval: Interval


class Uplift(msgspec.Struct, frozen=True, kw_only=True):
    """What a ranking is worth.

    `difference` is the naive difference of the arms: the mean reward of those given it, less that of the others.
    `curve[k]` is the gain per head of the population when the first k / STEPS of the ranking are given it; the last is
    `difference`, of whatever ranking. `qini` is the area between the curve and the straight line to its end, in the
    same unit: 0 for a ranking by chance.
    """

    difference: Measured
    curve: tuple[Measured, ...]
    qini: Measured


def uplift(experiment: Experiment, seed: int = 1, resamples: int = 200, confidence: float = 0.95) -> Uplift:
    """The uplift curve and the Qini coefficient (Radcliffe, "Using control groups to target on predicted lift", 2007).

    Intervals are percentiles of a bootstrap over people, but that of the difference, which is the normal one (Neyman
    1923). Raises `ValueError` where an arm is empty.
    """
    _check(experiment)
    chance, n = np.random.default_rng(seed), len(experiment.reward)
    ordered = _ranked(experiment)
    curve = _curve(ordered, np.ones(n))
    drawn = [_curve(ordered, np.bincount(chance.integers(n, size=n), minlength=n)) for _ in range(resamples)]
    places = np.linspace(0, 1, STEPS + 1)
    again = np.array([one.at(places) for one in drawn])
    qinis = np.array([one.area for one in drawn])
    points = zip(curve.at(places), again.T, strict=True)
    return Uplift(
        difference=difference(experiment, confidence),
        curve=tuple(Measured(float(value), percentile(values, confidence)) for value, values in points),
        qini=Measured(curve.area, percentile(qinis, confidence)),
    )


def difference(experiment: Experiment, confidence: float = 0.95) -> Measured:
    """The mean of those given it less the mean of the others, with the normal interval."""
    arms = [experiment.given == which for which in (1, 0)]
    means = [Terms(np.where(arm, experiment.reward, 0.0), arm.astype(np.float64)) for arm in arms]
    moved = influences(by_cluster(means, np.arange(len(experiment.reward))))
    value = means[0].value - means[1].value
    return Measured(value, analytic(value, moved[:, 0] - moved[:, 1], confidence))


class _Curve(NamedTuple):
    """The gain per head of the population, at shares of it: from (0, 0) on."""

    share: Floats
    gain: Floats

    def at(self, places: Floats) -> Floats:
        found: Floats = np.interp(places, self.share, self.gain)
        return found

    @property
    def area(self) -> float:
        """That between the curve and the straight line from its beginning to its end."""
        above = self.gain - self.share * self.gain[-1]
        return float((np.diff(self.share) * (above[1:] + above[:-1])).sum() / 2)


class _Ranked(NamedTuple):
    """The people by falling score; `last` marks the last of each score: equal scores are all in, or all out."""

    reward: Floats
    given: Floats
    last: npt.NDArray[np.bool_]
    order: Ints


def _ranked(experiment: Experiment) -> _Ranked:
    order = np.argsort(-experiment.score, kind="stable")
    score = experiment.score[order]
    last = np.append(score[1:] != score[:-1], True)
    return _Ranked(experiment.reward[order], experiment.given[order].astype(np.float64), last, order)


def _curve(people: _Ranked, times: Floats | Ints) -> _Curve:
    """Radcliffe's incremental gains: R_t - R_c N_t / N_c of the first so many, per head of those given it.

    `times` says how often each person counts. R are rewards and N people, of the arms t and c.
    """
    given, kept = people.given * times, (1 - people.given) * times
    n_given, n_kept, count, earned, else_ = (
        np.cumsum(one)[people.last] for one in (given, kept, times, given * people.reward, kept * people.reward)
    )
    lost = np.divide(else_ * n_given, n_kept, out=np.zeros_like(earned), where=n_kept > 0)
    share = np.append(0.0, count / count[-1])
    return _Curve(share, np.append(0.0, (earned - lost) / n_given[-1]))


def _check(experiment: Experiment) -> None:
    given = int(experiment.given.sum())
    if not 0 < given < len(experiment.given):
        msg = f"expected people in both arms, got {given:,} of {len(experiment.given):,} given it; choose another file"
        raise ValueError(msg)

"""How far an estimate may be off: by the normal distribution, and by drawing the clusters again."""

from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from streams.replay.offpolicy.estimators import Terms
from streams.replay.offpolicy.feedback import Floats, Ints


class Interval(NamedTuple):
    """From, to: with the confidence that was asked for, the truth lies between."""

    low: float
    high: float


class Sums(NamedTuple):
    """The terms of several estimates, added up by cluster: both of shape (clusters, estimates)."""

    above: Floats
    below: Floats


def by_cluster(terms: list[Terms], cluster: Ints) -> Sums:
    """The sums of each cluster: what is drawn together counts as one."""
    above = [np.bincount(cluster, one.numerator) for one in terms]
    below = [np.bincount(cluster, one.denominator) for one in terms]
    return Sums(np.stack(above, axis=1), np.stack(below, axis=1))


def influences(sums: Sums) -> Floats:
    """By how much each cluster moves each estimate, shape (clusters, estimates): the ratio made linear, adding up to 0.

    Of a ratio A / B: (A_c - B_c A / B) / B. NaN where B is 0.
    """
    above, below = sums.above.sum(axis=0), sums.below.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        moved: Floats = (sums.above - sums.below * (above / below)) / below
    return moved


def analytic(value: float, influence: Floats, confidence: float) -> Interval:
    """The normal interval of an estimate, robust to clusters (Liang and Zeger 1986). NaN where there is one cluster."""
    clusters = len(influence)
    if clusters < 2:
        return Interval(float("nan"), float("nan"))
    error = float(np.sqrt(clusters / (clusters - 1) * np.square(influence).sum()))
    half = NormalDist().inv_cdf(0.5 + confidence / 2) * error
    return Interval(value - half, value + half)


def redrawn(sums: Sums, resamples: int, seed: int) -> Floats:
    """Each estimate again, of clusters drawn with replacement (Efron 1979): shape (resamples, estimates).

    The same seed draws the same. Nothing is fitted again: a model counts as given.
    """
    chance = np.random.default_rng(seed)
    clusters = len(sums.above)
    found = np.empty((resamples, sums.above.shape[1]))
    with np.errstate(divide="ignore", invalid="ignore"):
        for nth in range(resamples):
            times = np.bincount(chance.integers(clusters, size=clusters), minlength=clusters).astype(np.float64)
            found[nth] = (times @ sums.above) / (times @ sums.below)
    return found


def percentile(values: Floats, confidence: float) -> Interval:
    """The percentile interval of an estimate drawn again, shape (resamples,). Draws without a value are out."""
    known = values[np.isfinite(values)]
    if not known.size:
        return Interval(float("nan"), float("nan"))
    low, high = np.quantile(known, [0.5 - confidence / 2, 0.5 + confidence / 2])
    return Interval(float(low), float(high))

"""How good the answers are, how much better than another's, and how sure that is."""

from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from inference.evaluate import calibration_error, quality

Numbers = npt.NDArray[np.float64]
Labels = npt.NDArray[np.bool_]

_DRAWS: Final = 1_000
_NOISE_DRAWS: Final = 200
_SEED: Final = 0


class Answers(NamedTuple):
    """The answers about the test part of one split at one `k`: the model's and the baselines', the truth, and whose."""

    model: Numbers
    boosted_trees: Numbers
    logistic_regression: Numbers
    bought: Labels
    visitor: npt.NDArray[Any]


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """`auc` and `pr_auc` are means over the splits; `n` and `ece` are of all the splits' answers together.

    `ece_of_truth` is the mean `ece` of answers that are exactly right, over as many rows: what chance alone leaves.
    """

    auc: float
    pr_auc: float
    ece: float
    ece_of_truth: float
    n: int


class Gain(msgspec.Struct, frozen=True, kw_only=True):
    """How much more the model has than a baseline: the mean over the splits, and its interval of 95 %."""

    auc: float
    auc_low: float
    auc_high: float
    pr_auc: float
    pr_auc_low: float
    pr_auc_high: float


def figures(answers: list[Answers], who: str) -> Figures:
    """The figures of the model or a baseline, a field of `Answers`, over the splits.

    Raises `ValueError` where a split has only one outcome.
    """
    each = [quality(getattr(part, who), part.bought.astype(np.float64)) for part in answers]
    aucs = [found.roc_auc for found in each if found is not None and found.roc_auc is not None]
    precisions = [found.pr_auc for found in each if found is not None and found.pr_auc is not None]
    if len(aucs) < len(answers):
        msg = "expected carts that were bought and others in each test part at each k, got only one of the two"
        raise ValueError(msg)
    probability = np.concatenate([getattr(part, who) for part in answers])
    bought = np.concatenate([part.bought for part in answers])
    return Figures(
        auc=float(np.mean(aucs)),
        pr_auc=float(np.mean(precisions)),
        ece=calibration_error(probability, bought),
        ece_of_truth=_error_of_truth(probability),
        n=len(bought),
    )


def gain(answers: list[Answers], baseline: str) -> Gain:
    """The model beside a baseline, by a bootstrap over visitors.

    A visitor drawn twice counts twice in each split whose test part he is in, for both sides: the draws are paired,
    and splits that share visitors are not taken for independent.
    """
    rng = np.random.default_rng(_SEED)
    visitors, places = np.unique(np.concatenate([part.visitor for part in answers]), return_inverse=True)
    cuts = np.cumsum([len(part.visitor) for part in answers])[:-1]
    sides = [
        (_Ranked(part.model, part.bought), _Ranked(getattr(part, baseline), part.bought), place)
        for part, place in zip(answers, np.split(places, cuts), strict=True)
    ]
    draws = np.empty((_DRAWS, 2))
    for draw in draws:
        times = rng.poisson(1, len(visitors)).astype(np.float64)
        draw[:] = _mean_gain(sides, times)
    low, high = np.nanpercentile(draws, [2.5, 97.5], axis=0).tolist()
    auc, pr_auc = _mean_gain(sides, np.ones(len(visitors)))
    return Gain(auc=auc, auc_low=low[0], auc_high=high[0], pr_auc=pr_auc, pr_auc_low=low[1], pr_auc_high=high[1])


class _Ranked:
    """Answers from the highest to the lowest, so that the areas under any weights are a sum away."""

    def __init__(self, score: Numbers, label: Labels) -> None:
        self._order = np.argsort(-score, kind="stable")
        self._label = label[self._order]
        self._last = np.append(np.flatnonzero(np.diff(score[self._order])), len(score) - 1)  # equal scores are one

    def areas(self, times: Numbers) -> Numbers:
        """ROC-AUC and PR-AUC where each row counts as many times as `times` says."""
        weight = times[self._order]
        hits = np.cumsum(weight * self._label)[self._last]
        asked = np.cumsum(weight)[self._last]
        misses, new = asked - hits, np.diff(hits, prepend=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            precision = np.where(asked > 0, hits / asked, 0)
            roc = (np.diff(misses, prepend=0) * (hits - new / 2)).sum() / (hits[-1] * misses[-1])
            return np.array([roc, (new * precision).sum() / hits[-1]])


def _mean_gain(sides: list[tuple[_Ranked, _Ranked, npt.NDArray[np.intp]]], times: Numbers) -> tuple[float, float]:
    """How much more ROC-AUC and PR-AUC, in the mean of the splits, where each visitor counts `times`."""
    gains = [model.areas(times[place]) - baseline.areas(times[place]) for model, baseline, place in sides]
    roc, precision = np.mean(gains, axis=0)
    return float(roc), float(precision)


def _error_of_truth(probability: Numbers) -> float:
    rng = np.random.default_rng(_SEED)
    errors = [calibration_error(probability, rng.random(len(probability)) < probability) for _ in range(_NOISE_DRAWS)]
    return float(np.mean(errors))

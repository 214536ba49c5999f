"""How good probabilities are: in what order they put shoppers, and whether they mean what they say."""

from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from inference.heads import HEADS, Head

Numbers = npt.NDArray[np.floating[Any]]

_BINS: Final = 15
_TINY: Final = 1e-7


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """How good the probabilities of a yes or no are, over `examples` whose answer is known.

    `pr_auc` is the average precision: `base_rate` for a coin, 1 at best. `roc_auc`: 0.5 for a coin. `ece` is the mean
    distance between a probability and how often it came true. All three are None where all answers are the same.
    """

    examples: int
    base_rate: float
    log_loss: float
    ece: float
    pr_auc: float | None
    roc_auc: float | None


class ActionQuality(msgspec.Struct, frozen=True, kw_only=True):
    """How good the probabilities of a choice are, such as the next action.

    `base_log_loss`: of how frequent each choice is. `ece`: of the most probable choice.
    """

    examples: int
    accuracy: float
    log_loss: float
    base_log_loss: float
    ece: float


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All heads over one set of examples.

    `abandon_optimum` is how good the exact probabilities are, the most that can be reached, and `abandon_beside` is
    the model's on the same examples: None where no exact probability is known.
    """

    abandon_30m: Quality | None
    purchase_24h: Quality | None
    next_action: ActionQuality | None
    purchase_1h: Quality | None = None
    purchase_session: Quality | None = None
    churn_30d: Quality | None = None
    next_event: ActionQuality | None = None
    abandon_beside: Quality | None = None
    abandon_optimum: Quality | None = None


def report(answers: dict[str, Numbers], examples: npt.NDArray[np.void]) -> Report:
    """The report on a model's answers (by output name, each with the examples in front) to examples.

    A head that is not answered, or none of whose labels is known, is None.
    """
    abandon, truth = examples["abandon_30m"], examples["truth"]
    beside = np.where(np.isnan(truth), np.nan, abandon)
    heads: dict[str, Any] = {
        head.name: _of_head(head, answers[head.name], examples[head.name]) if head.name in answers else None
        for head in HEADS
    }
    return Report(
        **heads,
        abandon_beside=quality(answers["abandon_30m"], beside),
        abandon_optimum=quality(truth, beside),
    )


def _of_head(head: Head, answers: Numbers, labels: npt.NDArray[Any]) -> Quality | ActionQuality | None:
    return quality(answers, labels) if head.answers == "chance" else action_quality(answers, labels)


def quality(probability: Numbers, label: Numbers) -> Quality | None:
    """The quality of probabilities against labels of 1, 0 or NaN (not known); None where none is known."""
    known = ~np.isnan(label)
    if not known.any():
        return None
    answer, came = probability[known].astype(np.float64), label[known] > 0.5
    mixed = 0 < came.sum() < len(came)
    return Quality(
        examples=len(came),
        base_rate=float(came.mean()),
        log_loss=float(-np.log(np.clip(np.where(came, answer, 1 - answer), _TINY, 1)).mean()),
        ece=calibration_error(answer, came),
        pr_auc=average_precision(answer, came) if mixed else None,
        roc_auc=roc_auc(answer, came) if mixed else None,
    )


def action_quality(probabilities: Numbers, action: npt.NDArray[np.int8]) -> ActionQuality | None:
    """The quality of probabilities, shape (N, K), against choices, -1 for not known; None where none is known."""
    known = action >= 0
    if not known.any():
        return None
    answers, came = probabilities[known], action[known].astype(np.intp)
    share = np.bincount(came, minlength=answers.shape[1]) / len(came)
    rows = np.arange(len(came))
    right = answers.argmax(axis=1) == came
    return ActionQuality(
        examples=len(came),
        accuracy=float(right.mean()),
        ece=calibration_error(answers.max(axis=1).astype(np.float64), right),
        log_loss=float(-np.log(np.clip(answers[rows, came], _TINY, 1)).mean()),
        base_log_loss=float(-np.log(share[came]).mean()),
    )


def average_precision(score: Numbers, label: npt.NDArray[np.bool_]) -> float:
    """The area under the precision-recall curve, as the sum of precision times the recall each threshold adds.

    Equal scores are one threshold. Needs at least one True.

    >>> average_precision(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True]))
    0.8333333333333333
    """
    hits, asked = _above_thresholds(score, label)
    recall = np.diff(hits, prepend=0) / hits[-1]
    return float((recall * hits / asked).sum())


def roc_auc(score: Numbers, label: npt.NDArray[np.bool_]) -> float:
    """The probability that a True has a higher score than a False, ties counting half. Needs both.

    >>> roc_auc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True]))
    0.75
    """
    hits, asked = _above_thresholds(score, label)
    misses = asked - hits
    beaten = np.diff(misses, prepend=0) * (hits - np.diff(hits, prepend=0) / 2)
    return float(beaten.sum() / (hits[-1] * misses[-1]))


def _above_thresholds(score: Numbers, label: npt.NDArray[np.bool_]) -> tuple[Numbers, Numbers]:
    """For each different score, from the highest: how many True, and how many at all, are not below it."""
    order = np.argsort(-score, kind="stable")
    last = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    return np.cumsum(label[order])[last].astype(np.float64), last + 1.0


def calibration_error(probability: Numbers, label: npt.NDArray[np.bool_]) -> float:
    """The expected calibration error over 15 bins of equal width.

    >>> calibration_error(np.array([0.9, 0.9, 0.1, 0.1]), np.array([True, False, False, False])).__round__(6)
    0.25
    """
    bins = np.minimum((probability * _BINS).astype(np.intp), _BINS - 1)
    gap = np.bincount(bins, weights=probability - label, minlength=_BINS)
    return float(np.abs(gap).sum() / len(label))

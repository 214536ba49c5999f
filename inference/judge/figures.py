"""The figures of one who answers, on one head: order, calibration, and what comes of a threshold."""

from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
from sklearn.metrics import precision_recall_curve, roc_curve

from inference.evaluate import average_precision, calibration_error, roc_auc
from inference.judge.draws import Interval

CURVE_POINTS: Final = 200
BINS: Final = 10
SCORE_BINS: Final = 20
LIFT_AT: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0)
Floats = npt.NDArray[np.floating[Any]]
Came = npt.NDArray[np.bool_]


class Confusion(msgspec.Struct, frozen=True, kw_only=True):
    """Examples by what was said at the threshold and what came."""

    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int


class Bin(msgspec.Struct, frozen=True, kw_only=True):
    """Examples of a similar probability: its mean, how many of them came true, and how many there are."""

    predicted: float
    happened: float
    count: int


class Curves(msgspec.Struct, frozen=True, kw_only=True):
    """What is drawn. `spread`: examples by probability, in bins of equal width: (came true, did not)."""

    precision_recall: list[tuple[float, float]]  # recall, precision
    roc: list[tuple[float, float]]  # false positive rate, true positive rate
    lift: list[tuple[float, float]]  # share of the examples, from the most probable; how often more than on average
    calibration: list[Bin]
    spread: list[tuple[int, int]]


class Contender(msgspec.Struct, frozen=True, kw_only=True):
    """One who answers. `threshold` has the best F1 on validation; `figures` with their intervals.

    `ahead`: of each figure of order, how much more the model has, of the same shoppers drawn: None for the model.
    """

    name: str
    threshold: float
    chosen_on: str
    figures: dict[str, Interval]
    ahead: dict[str, Interval] | None
    confusion: Confusion
    curves: Curves


def order(answer: Floats, came: Came) -> dict[str, float]:
    """PR-AUC, ROC-AUC, and the lift of the tenth that is most probable; nothing where all came out alike."""
    if came.all() or not came.any():
        return {}
    return {
        "pr_auc": average_precision(answer, came),
        "roc_auc": roc_auc(answer, came),
        "lift_10": _lift(answer, came, 0.1),
    }


def at_threshold(answer: Floats, came: Came, threshold: float) -> dict[str, float]:
    """Calibration error, and F1, precision and recall of acting on probabilities of at least `threshold`."""
    found = confusion(answer, came, threshold)  # and not scikit-learn's f1_score: it is asked thousands of times
    right, said = found.true_positives, found.true_positives + found.false_positives
    happened = right + found.false_negatives
    return {
        "ece": calibration_error(answer, came),
        "f1": 2 * right / max(1, said + happened),
        "precision": right / max(1, said),
        "recall": right / max(1, happened),
    }


def best_threshold(answer: Floats, came: Came) -> float:
    """The probability from which acting has the best F1. Needs both outcomes."""
    precision, recall, thresholds = precision_recall_curve(came, answer)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    return float(thresholds[int(f1[:-1].argmax())])


def confusion(answer: Floats, came: Came, threshold: float) -> Confusion:
    """What acting on probabilities of at least `threshold` comes to."""
    (tn, fp), (fn, tp) = np.bincount(2 * came + (answer >= threshold), minlength=4).reshape(2, 2).tolist()
    return Confusion(true_positives=tp, false_positives=fp, false_negatives=fn, true_negatives=tn)


def curves(answer: Floats, came: Came) -> Curves:
    """What is drawn of answers to examples of both outcomes."""
    precision, recall, _ = precision_recall_curve(came, answer)
    wrong, right, _ = roc_curve(came, answer)
    place = np.minimum((answer * SCORE_BINS).astype(np.intp), SCORE_BINS - 1)
    happened, all_of_them = np.bincount(place[came], minlength=SCORE_BINS), np.bincount(place, minlength=SCORE_BINS)
    return Curves(
        precision_recall=_thinned(recall[::-1], precision[::-1]),
        roc=_thinned(wrong, right),
        lift=[(share, _lift(answer, came, share)) for share in LIFT_AT],
        calibration=bins(answer, came),
        spread=list(zip(happened.tolist(), (all_of_them - happened).tolist(), strict=True)),
    )


def bins(answer: Floats, came: Came) -> list[Bin]:
    """Bins of equal width that are not empty."""
    place = np.minimum((answer * BINS).astype(np.intp), BINS - 1)
    return [
        Bin(predicted=float(answer[here].mean()), happened=float(came[here].mean()), count=int(here.sum()))
        for here in (place == nth for nth in range(BINS))
        if here.any()
    ]


def _lift(answer: Floats, came: Came, share: float) -> float:
    most = max(1, round(len(answer) * share))
    return float(came[np.argsort(-answer, kind="stable")[:most]].mean() / came.mean())


def _thinned(x: Floats, y: Floats) -> list[tuple[float, float]]:
    """So few points that a page stays small, first and last among them."""
    kept = np.unique(np.searchsorted(x, np.linspace(x[0], x[-1], CURVE_POINTS)).clip(0, len(x) - 1))
    kept = np.union1d(kept, [0, len(x) - 1])
    return [(float(x[at]), float(y[at])) for at in kept]

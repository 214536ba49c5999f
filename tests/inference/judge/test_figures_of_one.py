"""The figures of one who answers, against scikit-learn and against numbers made by hand."""

import numpy as np
import pytest
from sklearn import metrics

from inference.evaluate import average_precision, roc_auc
from inference.judge.figures import at_threshold, best_threshold, bins, confusion, curves, order


def drawn(count: int = 800, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    answer = rng.integers(0, 40, count) / 40  # many ties
    return answer, rng.random(count) < answer


def test_what_comes_of_a_threshold_is_what_scikit_learn_says() -> None:
    answer, came = drawn()
    said = answer >= 0.6

    found = at_threshold(answer, came, 0.6)

    assert found["f1"] == pytest.approx(metrics.f1_score(came, said))
    assert found["precision"] == pytest.approx(metrics.precision_score(came, said))
    assert found["recall"] == pytest.approx(metrics.recall_score(came, said))
    cells = confusion(answer, came, 0.6)
    assert [[cells.true_negatives, cells.false_positives], [cells.false_negatives, cells.true_positives]] == (
        metrics.confusion_matrix(came, said).tolist()
    )


def test_no_other_threshold_has_a_better_f1() -> None:
    answer, came = drawn()

    best = at_threshold(answer, came, best_threshold(answer, came))["f1"]

    assert best == pytest.approx(max(at_threshold(answer, came, one)["f1"] for one in np.unique(answer)))


def test_order_is_nothing_where_all_came_out_alike_and_lift_is_over_the_average() -> None:
    answer = np.linspace(0, 1, 100)

    assert order(answer, np.ones(100, bool)) == order(answer, np.zeros(100, bool)) == {}
    assert order(answer, np.arange(100) >= 90)["lift_10"] == pytest.approx(10.0)


def test_the_areas_are_those_of_the_curves_that_are_drawn() -> None:
    answer, came = drawn(20_000)

    drawn_curves = curves(answer, came)

    x, y = np.array(drawn_curves.roc).T
    assert (
        np.trapezoid(y, x)
        if hasattr(np, "trapezoid")
        else np.trapz(y, x) == pytest.approx(roc_auc(answer, came), abs=0.01)
    )
    recall, precision = np.array(drawn_curves.precision_recall).T
    steps = np.diff(recall, prepend=0.0)
    assert (steps * precision).sum() == pytest.approx(average_precision(answer, came), abs=0.01)
    assert drawn_curves.lift[-1] == (1.0, 1.0)
    assert sum(map(sum, drawn_curves.spread)) == 20_000


def test_bins_are_those_that_are_not_empty() -> None:
    found = bins(np.array([0.05, 0.07, 1.0]), np.array([True, False, True]))

    assert [(one.count, one.happened) for one in found] == [(2, 0.5), (1, 1.0)]
    assert found[0].predicted == pytest.approx(0.06)

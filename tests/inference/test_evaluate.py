"""Measures of probabilities, against their definitions and against known values."""

import math

import numpy as np
import pytest

from inference.dataset import gather
from inference.evaluate import action_quality, average_precision, calibration_error, quality, report, roc_auc
from tests.inference.shop import examples


def drawn(count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(count)
    score = rng.integers(0, 8, count) / 8  # many ties
    return score, rng.random(count) < score


@pytest.mark.parametrize("count", [20, 60, 200])
def test_roc_auc_is_the_share_of_pairs_in_the_right_order(count: int) -> None:
    score, label = drawn(count)

    pairs = [(yes > no) + (yes == no) / 2 for yes in score[label] for no in score[~label]]

    assert roc_auc(score, label) == pytest.approx(np.mean(pairs))


@pytest.mark.parametrize("count", [20, 60, 200])
def test_average_precision_is_the_precision_at_each_threshold_weighted_by_the_recall_it_adds(count: int) -> None:
    score, label = drawn(count)

    expected = 0.0
    for threshold in sorted(set(score)):
        asked = score >= threshold
        expected += label[asked].mean() * label[score == threshold].sum() / label.sum()

    assert average_precision(score, label) == pytest.approx(expected)


def test_the_order_in_which_equal_scores_stand_does_not_matter() -> None:
    score, label = np.array([0.5, 0.5, 0.5, 0.5]), np.array([True, False, False, False])

    assert average_precision(score, label) == average_precision(score, label[::-1]) == 0.25
    assert roc_auc(score, label) == 0.5


def test_the_calibration_error_is_nothing_for_exact_probabilities_and_the_distance_for_constant_ones() -> None:
    probability = np.random.default_rng(1).random(200_000)
    came = np.random.default_rng(2).random(200_000) < probability

    assert calibration_error(probability, came) < 0.005
    assert calibration_error(np.full(200_000, 1.0), came) == pytest.approx(1 - came.mean())


def test_masked_labels_count_for_nothing() -> None:
    label = np.array([1.0, math.nan, 0.0, math.nan])

    found = quality(np.array([0.8, 0.0, 0.4, 1.0]), label)

    assert found == quality(np.array([0.8, 0.4]), np.array([1.0, 0.0]))
    assert found is not None
    assert (found.examples, found.base_rate, found.pr_auc) == (2, 0.5, 1.0)
    assert found.log_loss == pytest.approx(-(math.log(0.8) + math.log(0.6)) / 2)


def test_without_labels_there_is_no_quality_and_without_both_answers_no_order() -> None:
    assert quality(np.array([0.5]), np.array([math.nan])) is None
    assert action_quality(np.ones((1, 11)) / 11, np.array([-1], dtype=np.int8)) is None
    only = quality(np.array([0.5]), np.array([1.0]))
    assert only is not None
    assert only.pr_auc is None
    assert only.roc_auc is None


def test_actions_are_compared_with_how_frequent_they_are() -> None:
    sure = np.full((4, 11), 0.01)
    sure[:, 1] = 0.9

    found = action_quality(sure, np.array([1, 1, 2, -1], dtype=np.int8))

    assert found is not None
    assert found.accuracy == pytest.approx(2 / 3)
    assert found.log_loss == pytest.approx(-(2 * math.log(0.9) + math.log(0.01)) / 3)
    assert found.base_log_loss == pytest.approx(-(2 * math.log(2 / 3) + math.log(1 / 3)) / 3)


def test_the_report_puts_the_exact_probabilities_beside_the_model() -> None:
    some = gather(examples(3_000))
    some["truth"][:1_000] = math.nan
    answers = {name: np.full(3_000, 0.3) for name in ("abandon_30m", "purchase_24h")}

    found = report(answers | {"next_action": np.full((3_000, 11), 1 / 11)}, some)

    assert found.abandon_optimum is not None
    assert found.abandon_beside is not None
    assert found.abandon_30m is not None
    assert found.abandon_beside.examples == found.abandon_optimum.examples < found.abandon_30m.examples
    assert found.abandon_optimum.pr_auc > found.abandon_beside.pr_auc == pytest.approx(found.abandon_beside.base_rate)
    assert found.abandon_optimum.ece < 0.03

"""Intervals come from shoppers drawn again, the same for the same seed."""

from collections import Counter

import numpy as np
import pytest

from inference.judge.draws import Drawing, draws, intervals


def test_a_shopper_is_drawn_with_all_examples_or_with_none() -> None:
    shoppers = np.array([7, 3, 7, 9, 9, 9], dtype=np.uint64)

    for drawn in draws(shoppers, Drawing(seed=4, times=50)):
        times = Counter(drawn.tolist())
        assert times[0] == times[2]
        assert times[3] == times[4] == times[5]
        assert times[0] + times[1] + times[3] == 3  # as many shoppers as there are


def test_the_same_seed_draws_the_same_and_another_one_does_not() -> None:
    shoppers = np.arange(50, dtype=np.uint64)

    first, again, other = (np.concatenate(list(draws(shoppers, Drawing(seed, 5)))) for seed in (1, 1, 2))

    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()


def test_examples_of_the_same_shopper_do_not_make_a_figure_surer() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=100)
    alone, often = np.arange(100, dtype=np.uint64), np.repeat(np.arange(100, dtype=np.uint64), 20)

    first = intervals(lambda at: {"mean": float(values[at].mean())}, alone, Drawing(0))["mean"]
    second = intervals(lambda at: {"mean": float(np.repeat(values, 20)[at].mean())}, often, Drawing(0))["mean"]

    assert first.low is not None
    assert (second.low, second.high) == (pytest.approx(first.low), pytest.approx(first.high))
    assert first.high - first.low == pytest.approx(2 * 1.96 * values.std() / 10, rel=0.25)


def test_a_figure_that_most_draws_do_not_have_has_no_interval() -> None:
    shoppers = np.arange(10, dtype=np.uint64)

    found = intervals(lambda at: {"x": 1.0} if len(np.unique(at)) == 10 else {}, shoppers, Drawing(0))

    assert (found["x"].value, found["x"].low, found["x"].high) == (1.0, None, None)

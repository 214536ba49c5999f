"""What a reward is expected to be: from other shoppers, for each act."""

import numpy as np
import pytest

from streams.replay.offpolicy.outcome_model import expectations


def made(n: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Features, act, reward and shopper: the reward is 2 + x under the first act, 1 - 3 x under the second."""
    chance = np.random.default_rng(3)
    x, act, shopper = chance.normal(size=n), chance.integers(2, size=n), np.arange(n) // 3
    return x[:, None], act, np.where(act == 0, 2 + x, 1 - 3 * x), shopper


def test_each_act_has_its_own_expectation() -> None:
    features, act, reward, shopper = made()

    found = expectations(features, act, reward, shopper, acts=2)

    assert found[:, 0] == pytest.approx(2 + features[:, 0], abs=0.02)
    assert found[:, 1] == pytest.approx(1 - 3 * features[:, 0], abs=0.05)


def test_where_all_earn_the_same_that_is_expected_exactly() -> None:
    features, act, _, shopper = made()

    assert expectations(features, act, np.full(len(act), 7.0), shopper, acts=2) == pytest.approx(7.0, abs=1e-9)


def test_what_is_expected_of_a_shopper_does_not_look_at_that_shopper() -> None:
    features, act, reward, shopper = made()
    rich = np.where(shopper == 11, 1e6, reward)

    before, after = (expectations(features, act, one, shopper, acts=2) for one in (reward, rich))

    assert (before[shopper == 11] == after[shopper == 11]).all()
    assert (before[shopper == 12] != after[shopper == 12]).any()


def test_an_act_that_nobody_else_did_is_expected_to_give_the_mean() -> None:
    features, _, reward, shopper = made()

    found = expectations(features, np.zeros(len(reward), dtype=np.int64), reward, shopper, acts=2)

    assert found[shopper % 5 == 0, 1] == pytest.approx(reward[shopper % 5 != 0].mean())

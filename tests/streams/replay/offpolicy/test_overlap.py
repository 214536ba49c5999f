"""What is said of the overlap, and what feedback is refused."""

import numpy as np
import pytest

from streams.replay.offpolicy.estimate import estimates
from streams.replay.offpolicy.estimators import direct, doubly_robust, ips, snips, switch_doubly_robust
from streams.replay.offpolicy.feedback import Feedback, feedback, with_model
from streams.replay.offpolicy.overlap import overlap


def coins(n: int, propensity: float, target: float = 1.0) -> Feedback:
    """Two acts, of which the other policy wants the first, which was done with this propensity."""
    done = np.arange(n) < round(n * propensity)
    return feedback(done.astype(float), np.where(done, propensity, 1 - propensity), np.where(done, target, 1 - target))


def test_the_effective_sample_is_that_of_kong() -> None:
    found = overlap(feedback(np.ones(3), np.array([0.5, 0.25, 1.0]), np.array([1.0, 0.5, 0.0])))

    assert found.effective == pytest.approx((2 + 2 + 0) ** 2 / (4 + 4 + 0))
    assert found.largest_share == 0.5


def test_an_overlap_too_thin_to_say_anything_is_said() -> None:
    found = overlap(coins(2_000, propensity=0.02))

    assert found.thin
    assert "the overlap is too thin to say anything: 2,000 rows count as 40.0" in found.warnings[0]
    assert not overlap(coins(2_000, propensity=0.2)).thin


def test_acts_that_the_logged_policy_never_does_show_in_the_mean_weight() -> None:
    half_seen = feedback(np.ones(1_000), np.full(1_000, 1.0), np.full(1_000, 0.5))

    found = overlap(half_seen)

    assert found.mean_weight == 0.5
    assert "the weights average 0.500 where 1 is expected" in found.warnings[0]


def test_a_policy_that_does_nothing_of_what_was_done_has_no_value() -> None:
    nothing = feedback(np.ones(5), np.full(5, 0.5), np.zeros(5))

    found = estimates(nothing, resamples=10)

    assert found.overlap.effective == 0
    assert np.isnan(found.policy["snips"].value)
    assert np.isnan(found.policy["snips"].bootstrap.low)


def test_each_estimator_by_hand() -> None:
    log = with_model(
        feedback(np.array([1.0, 0.0]), np.array([0.25, 0.5]), np.array([0.5, 0.5])),
        expected=np.array([0.5, 0.25]),
        expected_target=np.array([0.4, 0.2]),
    )

    assert ips(log).value == (2 * 1 + 0) / 2
    assert snips(log).value == 2 / 3
    assert direct(log).value == pytest.approx(0.3)
    assert doubly_robust(log).value == pytest.approx(0.3 + (2 * 0.5 + 1 * -0.25) / 2)
    assert switch_doubly_robust(log, 1.0).value == pytest.approx(0.3 + (0 + 1 * -0.25) / 2)
    assert switch_doubly_robust(log, 2.0).value == doubly_robust(log).value


def test_the_normal_interval_of_a_mean_is_the_textbooks() -> None:
    rewards = np.array([1.0, 2.0, 4.0, 8.0])

    found = estimates(feedback(rewards, np.ones(4), np.ones(4)), resamples=10)

    half = 1.959963984540054 * rewards.std(ddof=1) / 2
    assert found.logged.analytic == pytest.approx((3.75 - half, 3.75 + half))
    assert found.policy["ips"] == found.logged


def test_rows_of_one_shopper_are_no_more_than_one() -> None:
    alone = coins(500, propensity=0.4)
    each_thrice = feedback(*(np.repeat(one, 3) for one in alone[:3]), cluster=np.repeat(np.arange(500) * 7, 3))

    once, thrice = estimates(alone, resamples=50), estimates(each_thrice, resamples=50)

    assert thrice.policy["ips"].analytic == pytest.approx(once.policy["ips"].analytic)
    assert thrice.policy["ips"].bootstrap == pytest.approx(once.policy["ips"].bootstrap)
    assert thrice.overlap.mean_weight_error == pytest.approx(once.overlap.mean_weight_error)


def test_the_same_seed_draws_the_same_and_another_does_not() -> None:
    log = coins(500, propensity=0.4, target=0.8)

    assert estimates(log, seed=1) == estimates(log, seed=1)
    assert estimates(log, seed=1).policy["ips"].bootstrap != estimates(log, seed=2).policy["ips"].bootstrap


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (([1.0], [0.0], [0.5]), r"expected a propensity above 0 and at most 1, got 0.0 in row 0"),
        (([1.0], [1.5], [0.5]), r"expected a propensity above 0 and at most 1, got 1.5 in row 0"),
        (([1.0, 1.0], [0.5, 0.5], [0.5, -0.1]), r"expected a target at least 0 and at most 1, got -0.1 in row 1"),
        (([1.0, float("nan")], [0.5, 0.5], [0.5, 0.5]), r"expected a finite reward, got nan in row 1"),
        (([1.0, 1.0], [0.5], [0.5]), r"expected propensity of shape \(2,\)"),
        (([], [], []), r"expected at least one row"),
    ],
)
def test_what_is_no_probability_is_refused(columns: tuple[list[float], ...], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        feedback(*(np.array(one) for one in columns))

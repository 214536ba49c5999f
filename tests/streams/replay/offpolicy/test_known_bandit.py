"""The estimates and their intervals on a bandit whose value is known exactly."""

import numpy as np
import pytest

from streams.replay.offpolicy.estimate import Estimate, Estimates, estimates
from streams.replay.offpolicy.feedback import Feedback, feedback, with_model
from streams.replay.offpolicy.outcome_model import expectations

CONTEXTS, ACTS = 6, 3
_LAW = np.random.default_rng(7)
REWARD = _LAW.uniform(0.05, 0.6, (CONTEXTS, ACTS))
LOGGING = _LAW.dirichlet(np.full(ACTS, 4.0), CONTEXTS)
OTHER = _LAW.dirichlet(np.full(ACTS, 2.0), CONTEXTS)
VALUE = float((OTHER * REWARD).sum(axis=1).mean())
EARNED = float((LOGGING * REWARD).sum(axis=1).mean())


def drawn(seed: int, n: int, rows_of_one: int = 1) -> Feedback:
    """Rounds of the bandit. With several rows of one shopper, these share context, act and reward: the worst case."""
    chance = np.random.default_rng(seed)
    context = chance.integers(CONTEXTS, size=n)
    act = (chance.random(n)[:, None] > LOGGING[context].cumsum(axis=1)).sum(axis=1)
    reward = (chance.random(n) < REWARD[context, act]).astype(float)
    context, act, reward = (np.repeat(one, rows_of_one) for one in (context, act, reward))
    cluster = np.repeat(np.arange(n), rows_of_one)
    plain = feedback(reward, LOGGING[context, act], OTHER[context, act], cluster)
    model = expectations(np.eye(CONTEXTS)[context][:, 1:], act, reward, cluster, ACTS)
    return with_model(plain, model[np.arange(len(act)), act], (OTHER[context] * model).sum(axis=1))


def test_with_many_rounds_every_estimate_is_the_value() -> None:
    found = estimates(drawn(seed=1, n=200_000), resamples=20)

    assert {name: one.value for name, one in found.policy.items()} == pytest.approx(
        dict.fromkeys(found.policy, VALUE), abs=0.006
    )
    assert found.logged.value == pytest.approx(EARNED, abs=0.004)
    assert found.gain["dr"].value == pytest.approx(VALUE - EARNED, abs=0.006)


@pytest.mark.parametrize("rows_of_one", [1, 3])
def test_95_percent_intervals_hold_the_value_about_95_times_in_100(rows_of_one: int) -> None:
    runs = [estimates(drawn(seed, 600, rows_of_one), resamples=200) for seed in range(300)]

    held = coverage(runs)

    # 300 runs: the standard error of a share is 1.3 %. In 2,000 runs of 400 draws, 93.6 to 95.0 % held the value.
    assert {name: share for name, share in held.items() if not 0.91 <= share <= 0.985} == {}


def coverage(runs: list[Estimates]) -> dict[str, float]:
    """How often each interval holds what it is about, the direct method's aside."""
    named: dict[str, list[bool]] = {}
    for run in runs:
        abouts = [("logged", run.logged, EARNED)]
        abouts += [(f"policy {name}", one, VALUE) for name, one in run.policy.items() if name != "dm"]
        abouts += [(f"gain {name}", one, VALUE - EARNED) for name, one in run.gain.items() if name != "dm"]
        for name, one, truth in abouts:
            for kind, held in holds(one, truth).items():
                named.setdefault(f"{name}, {kind}", []).append(held)
    return {name: sum(held) / len(held) for name, held in named.items()}


def holds(one: Estimate, truth: float) -> dict[str, bool]:
    return {
        "analytic": one.analytic.low <= truth <= one.analytic.high,
        "bootstrap": one.bootstrap.low <= truth <= one.bootstrap.high,
    }

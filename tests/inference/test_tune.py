"""Tuning: what becomes of the trainings that a study asks for."""

from functools import cache
from typing import Final

import msgspec
import pytest

from inference.checkpoint import CONFIGS
from inference.dataset import Examples, gather
from inference.train import Plan
from inference.tune import Told, Tuned, Tuning
from tests.inference.shop import examples

PLAN: Final = Plan(epochs=4, patience=4, seed=3)
TRIALS: Final = 12


@cache
def shop() -> Examples:
    return gather(examples(300, seed=1))


def tuning(plan: Plan) -> Tuning:
    return Tuning(shop()[:200], shop()[200:], plan)


@cache
def tuned() -> tuple[Tuned, list[Told]]:
    told: list[Told] = []
    asked = tuning(PLAN)
    for _ in range(TRIALS):
        asked.next(TRIALS, told.append)
    return asked.tuned(), told


def test_trials_worse_than_the_median_are_given_up_before_their_last_epoch() -> None:
    found, told = tuned()

    pruned = [one.trial for one in found.trials if one.pruned]
    epochs = {step.trial: step.step.epoch for step in told}
    batches = {trial: sum(step.trial == trial and step.step.epoch == 4 for step in told) for trial in pruned}
    assert pruned
    assert min(pruned) > 5
    assert {epochs[trial] for trial in pruned} == {4}  # what the third epoch came to is told as the fourth begins
    assert set(batches.values()) == {1}
    assert all(one.best_epoch is None and one.log_loss is None for one in found.trials if one.pruned)


def test_the_best_plan_is_that_of_the_greatest_pr_auc() -> None:
    found, told = tuned()

    best = max((one for one in found.trials if not one.pruned), key=lambda one: one.pr_auc)
    plan = msgspec.convert(found.best, Plan)
    assert {"batch": plan.batch, "learning_rate": plan.learning_rate, **plan.sizes} == best.settings
    assert (plan.seed, plan.epochs) == (PLAN.seed, PLAN.epochs)
    assert told[0].best is None
    assert told[-1].best == max(one.pr_auc for one in found.trials[:-1] if not one.pruned)


@pytest.mark.parametrize("architecture", sorted(CONFIGS))
def test_each_model_is_tried_with_its_defaults_and_with_what_else_it_has(architecture: str) -> None:
    asked = tuning(Plan(architecture=architecture, epochs=1))

    for _ in range(2):
        asked.next(2, lambda _: None)

    first, second = (one.settings for one in asked.tuned().trials)
    assert set(first) == set(second) == set(Plan.tunable) | set(CONFIGS[architecture].tunable)
    assert first["width"] == 48
    assert first != second

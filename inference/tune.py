"""Tuning: trainings with other settings, each judged on validation, until there were enough."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from optuna.trial import FrozenTrial, Trial

from inference.checkpoint import CONFIGS
from inference.dataset import Examples, Split
from inference.models.tunable import Tunable
from inference.study import Study, whole
from inference.train import Plan, Progress, train


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """A trial that is over. The first, 1, has the defaults.

    `pr_auc`: of abandonment on validation, in the best epoch; of a pruned trial, in the last one. `log_loss`, after
    calibration, and `best_epoch`: None where it was pruned.
    """

    trial: int
    pruned: bool
    pr_auc: float
    log_loss: float | None
    best_epoch: int | None
    seconds: float
    settings: dict[str, float | int]


class Tuned(msgspec.Struct, frozen=True, kw_only=True):
    """A study. `best`: the plan to train with; `trials`: in their order; `importances`: none where trials are few."""

    judged_by: str
    best: dict[str, Any]
    trials: list[Tried]
    importances: dict[str, float]


class Told(NamedTuple):
    """How far a study is. `best`: the greatest PR-AUC so far, None in the first trial."""

    trial: int
    trials: int
    best: float | None
    step: Progress


class _PrunedError(Exception):
    """The trial is worse than the median of those before."""


class Tuning:
    """A study of one model on the training and validation parts of examples: a test part is not given to it.

    A trial's value is the PR-AUC of `abandon_30m` on validation: what training stops by and interventions hang on. (The
    loss is a sum over all heads.) All trials have the seed of the plan, so that they differ by their settings alone.
    """

    def __init__(self, training: Examples, validation: Examples, plan: Plan) -> None:
        """`plan`: of every trial, but for what is tried."""
        self._parts = Split(training, validation, validation[:0])
        self._plan = plan
        config = CONFIGS[plan.architecture]
        space: Tunable = {**Plan.tunable, **config.tunable}
        first = {name: getattr(plan if name in Plan.tunable else config(), name) for name in space}
        self._identity = msgspec.to_builtins(plan) | {
            "ranges": msgspec.to_builtins(space),
            "examples": hashlib.sha256(training.tobytes() + validation.tobytes()).hexdigest(),
        }
        self.study = Study(space, first, plan.seed)

    def keep_in(self, folder: Path, *, resume: bool) -> None:
        """As in `Study`."""
        self.study.keep_in(folder, self._identity, resume=resume)

    def next(self, trials: int, tell: Callable[[Told], None]) -> None:
        """One more trial, of so many."""
        trial, so_far, reported = self.study.ask(), self.study.best(), 0
        best = so_far.values[0] if so_far else None

        def hear(step: Progress) -> None:
            nonlocal reported
            tell(Told(len(self.study.trials) + 1, trials, best, step))
            if step.pr_auc is not None and step.epoch - 1 > reported:
                reported = step.epoch - 1
                _prune(trial, step.pr_auc, reported)

        try:
            checkpoint = train(self._parts, self.plan_of(trial.params), hear)
        except _PrunedError:
            self.study.tell(trial, None)
            return
        quality = checkpoint.facts["report"]["validation"]["abandon_30m"]
        trial.set_user_attr("log_loss", quality["log_loss"])
        trial.set_user_attr("best_epoch", checkpoint.facts["best_epoch"])
        self.study.tell(trial, quality["pr_auc"])

    def plan_of(self, settings: dict[str, Any]) -> Plan:
        """The plan of a trial."""
        own = {name: value for name, value in settings.items() if name in Plan.tunable}
        sizes = {name: value for name, value in settings.items() if name not in Plan.tunable}
        return msgspec.structs.replace(self._plan, **own, sizes=sizes)

    def tuned(self) -> Tuned:
        """The study, as it stands."""
        best = self.study.best()
        return Tuned(
            judged_by="PR-AUC of abandon_30m on validation",
            best=msgspec.to_builtins(self.plan_of(best.params)) if best else {},
            trials=[_tried(number, trial) for number, trial in enumerate(self.study.trials, start=1)],
            importances=self.study.importances(),
        )


def _prune(trial: Trial, pr_auc: float, epoch: int) -> None:
    """Tell the trial what an epoch came to; raises `_PrunedError` where it is not worth going on."""
    trial.report(pr_auc, epoch)
    if trial.should_prune():
        raise _PrunedError


def _tried(number: int, trial: FrozenTrial) -> Tried:
    duration = trial.duration
    return Tried(
        trial=number,
        pruned=not whole([trial]),
        pr_auc=trial.values[0],
        log_loss=trial.user_attrs.get("log_loss"),
        best_epoch=trial.user_attrs.get("best_epoch"),
        seconds=round(duration.total_seconds(), 1) if duration else 0.0,
        settings=trial.params,
    )

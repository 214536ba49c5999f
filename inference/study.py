"""What was tried, and what to try next: Optuna's sampler and pruner, over a file that holds whole trials only."""

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.exceptions import OptunaError
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from inference.models.tunable import Span, Tunable
from inference.seeds import epoch_seed

STUDY_FILE: Final = "study.db"
"""`optuna-dashboard sqlite:///OUT/study.db` shows it."""
_NAME: Final = "kairos"
_IDENTITY: Final = "identity"
_FIRST_WHOLE: Final = 5
"""So many trials are never pruned: before, there is no median worth the name."""
_FIRST_COMPARED: Final = 3
"""The first epoch after which a trial may be pruned: small steps begin slowly."""
_FEWEST_FOR_IMPORTANCE: Final = 8


class Study:
    """The trials of a study, those of a file and those that are told.

    A trial comes into the file when it is over, in one transaction, so one that was stopped has left nothing, and is
    begun again. What is tried next depends on the seed and the trials before alone: a study that goes on is the one
    that was not stopped, and more trials are added to the same ones.
    """

    def __init__(self, space: Tunable, first: Mapping[str, Any], seed: int) -> None:
        """`first`: what is tried first, the settings that are to be beaten."""
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._space = {name: _distribution(one) for name, one in space.items()}
        self._first, self._seed = dict(first), seed
        self._stored: optuna.Study | None = None
        self.trials: list[FrozenTrial] = []

    def keep_in(self, folder: Path, identity: dict[str, Any], *, resume: bool) -> None:
        """Take the trials of the folder's file, and keep there what is told from now on.

        `identity` says which study it is. Raises `ValueError` where another one is there, or one without `resume`.
        """
        identity, path = msgspec.json.decode(msgspec.json.encode(identity)), folder / STUDY_FILE  # as it is kept
        folder.mkdir(parents=True, exist_ok=True)
        try:
            self._stored = _opened(path)
            came, self.trials = self._stored.user_attrs.get(_IDENTITY), self._stored.trials
        except (SQLAlchemyError, OptunaError, RuntimeError, LookupError) as error:
            msg = f"expected a study of kairos tune at {path}, got: {_first_line(error)}; give another folder"
            raise ValueError(msg) from error
        if came is None:
            self._stored.set_user_attr(_IDENTITY, identity)
        elif not resume:
            msg = (
                f"expected no study in {folder}, got one of {len(self.trials)} trials; go on with it by --resume, "
                "or give another folder"
            )
            raise ValueError(msg)
        elif apart := sorted(name for name in identity if came.get(name) != identity[name]):
            msg = (
                f"expected the study that {path} was left by, got another: {', '.join(apart)} differ; "
                "give the same options and examples, or another folder"
            )
            raise ValueError(msg)

    def ask(self) -> Trial:
        """The next trial, with its settings in `params`."""
        number = len(self.trials)
        drawing = optuna.create_study(
            direction="maximize",
            sampler=optuna.samplers.TPESampler(seed=epoch_seed(self._seed, number)),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=_FIRST_WHOLE, n_warmup_steps=_FIRST_COMPARED),
        )
        drawing.add_trials(self.trials)
        if number == 0:
            drawing.enqueue_trial(self._first)
        return drawing.ask(self._space)

    def tell(self, trial: Trial, value: float | None) -> FrozenTrial:
        """A trial is over, and is kept. `value`: None where it was pruned."""
        told = trial.study.tell(trial, value, TrialState.PRUNED if value is None else TrialState.COMPLETE)
        if self._stored is not None:
            self._keep(self._stored, told)
        self.trials.append(told)
        return told

    def _keep(self, stored: optuna.Study, told: FrozenTrial) -> None:
        try:
            there = len(stored.trials)
            if there == len(self.trials):
                stored.add_trial(told)
                return
        except (SQLAlchemyError, OptunaError) as error:
            msg = (
                f"expected to write to {STUDY_FILE}, got: {_first_line(error)}; mend the disk, or give another folder; "
                f"the {len(self.trials)} trials before are there"
            )
            raise ValueError(msg) from error
        msg = (
            f"expected {len(self.trials)} trials in {STUDY_FILE}, got {there}: does another kairos tune run there? "
            "let one of them end, then --resume"
        )
        raise ValueError(msg)

    def best(self) -> FrozenTrial | None:
        """The first of the trials with the greatest value; None before one is whole."""
        return max(whole(self.trials), key=lambda trial: trial.values[0], default=None)

    def importances(self) -> dict[str, float]:
        """The share of each setting in what the values differ by, the greatest first; none where trials are too few.

        By fANOVA (Hutter et al. 2014) over the whole trials.
        """
        values = {trial.values[0] for trial in whole(self.trials)}
        if len(values) < _FEWEST_FOR_IMPORTANCE:
            return {}
        drawing = optuna.create_study(direction="maximize")
        drawing.add_trials(self.trials)
        return optuna.importance.get_param_importances(
            drawing, evaluator=optuna.importance.FanovaImportanceEvaluator(seed=self._seed)
        )


def whole(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """The trials that were not pruned."""
    return [trial for trial in trials if trial.state is TrialState.COMPLETE]


def _first_line(error: Exception) -> str:
    """What went wrong below: Optuna says little about it itself."""
    return str(error.__cause__ or error).partition("\n")[0]


def _distribution(one: Any) -> BaseDistribution:
    if isinstance(one, Span):
        return FloatDistribution(one.low, one.high, log=one.log)
    return CategoricalDistribution(one.numbers)


def _opened(path: Path) -> optuna.Study:
    """The study of a file, or a new one. A path is no URL: one with a `?` or a `%` in it would end elsewhere."""
    storage = RDBStorage("sqlite://", engine_kwargs={"creator": lambda: sqlite3.connect(path, timeout=30)})
    return optuna.create_study(storage=storage, study_name=_NAME, direction="maximize", load_if_exists=True)

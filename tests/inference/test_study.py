"""What a study tries, what it keeps, and what it does not take for its own."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import FrozenTrial, Trial

from inference.models.tunable import OneOf, Span
from inference.study import STUDY_FILE, Study

SPACE = {"rate": Span(1e-4, 1.0, log=True), "share": Span(0.0, 1.0), "width": OneOf((8, 16, 32))}
FIRST = {"rate": 0.01, "share": 0.5, "width": 16}


def study(seed: int = 1) -> Study:
    return Study(SPACE, FIRST, seed)


def value(settings: dict[str, Any]) -> float:
    return float(settings["share"] - 0.01 * settings["width"])


def tried(asked: Study, count: int, of: Callable[[Trial], float | None] = lambda trial: value(trial.params)) -> Study:
    for _ in range(count):
        trial = asked.ask()
        asked.tell(trial, of(trial))
    return asked


def told(asked: Study) -> list[Any]:
    def plain(trial: FrozenTrial) -> Any:
        return trial.params, trial.values, trial.state, trial.intermediate_values, trial.distributions

    return [plain(trial) for trial in asked.trials]


def pruning(trial: Trial) -> float | None:
    """Four epochs that go where the trial's value is, unless it is given up."""
    for epoch in range(1, 5):
        trial.report(value(trial.params) * epoch / 4, epoch)
        if trial.should_prune():
            return None
    return value(trial.params)


def test_what_is_to_be_beaten_is_tried_first_and_all_others_are_in_their_ranges() -> None:
    first, *others = (trial.params for trial in tried(study(), 25).trials)

    assert first == FIRST
    assert all(1e-4 <= one["rate"] <= 1 and 0 <= one["share"] <= 1 and one["width"] in (8, 16, 32) for one in others)
    assert len({one["rate"] for one in others}) == 24


def test_later_trials_are_better_than_chance() -> None:
    found = [value(trial.params) for trial in tried(study(), 40).trials]

    assert sum(found[-15:]) / 15 > sum(found[1:11]) / 10 + 0.1


def test_a_study_that_goes_on_after_any_trial_is_the_one_that_was_not_stopped(tmp_path: Path) -> None:
    whole = tried(study(), 14, pruning)
    for _ in range(7):
        going_on = study()
        going_on.keep_in(tmp_path, {"seed": 1}, resume=True)
        going_on.ask()  # and is stopped before it can tell
        tried(going_on, 2, pruning)

    assert told(going_on) == told(whole)
    assert {trial.state.name for trial in whole.trials} == {"COMPLETE", "PRUNED"}
    assert told(tried(study(seed=2), 14, pruning)) != told(whole)


def test_the_best_is_the_first_of_the_greatest_and_no_pruned_one() -> None:
    values = iter([0.3, None, 0.7, 0.7, 0.2])
    found = tried(study(), 5, lambda trial: (trial.report(0.9, 1), next(values))[1])

    assert found.best() == found.trials[2]
    assert study().best() is None


def test_importances_name_what_matters_and_are_not_told_of_few_trials() -> None:
    assert tried(study(), 7).importances() == {}
    found = tried(study(), 30).importances()

    assert set(found) == set(SPACE)
    assert next(iter(found)) == "share"
    assert sum(found.values()) == pytest.approx(1)
    assert found == tried(study(), 30).importances()


def test_a_folder_whose_name_looks_like_a_url_holds_its_study(tmp_path: Path) -> None:
    folder = tmp_path / "50%20of?all#shops"
    one = study()
    one.keep_in(folder, {}, resume=False)
    tried(one, 1)

    assert (folder / STUDY_FILE).exists()
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


def test_trials_of_two_studies_do_not_get_into_one_file(tmp_path: Path) -> None:
    one, other = study(), study()
    one.keep_in(tmp_path, {"seed": 1}, resume=False)
    other.keep_in(tmp_path, {"seed": 1}, resume=True)
    tried(one, 1)

    with pytest.raises(ValueError, match="does another kairos tune run there"):
        tried(other, 1)


def test_a_trial_that_cannot_be_written_is_a_mistake_that_says_why(tmp_path: Path) -> None:
    one = study()
    one.keep_in(tmp_path, {}, resume=False)
    tried(one, 2)
    with closing(sqlite3.connect(tmp_path / STUDY_FILE)) as database:
        database.execute("create trigger full before insert on trials begin select raise(abort, 'disk is full'); end")

    with pytest.raises(ValueError, match=r"got: .*disk is full.*the 2 trials before are there"):
        tried(one, 1)


@pytest.mark.parametrize(
    ("identity", "resume", "words"),
    [
        ({"seed": 1, "epochs": 3}, False, "expected no study in .*, got one of 1 trials; go on with it by --resume"),
        ({"seed": 2, "epochs": 4}, True, "got another: epochs, seed differ"),
    ],
)
def test_a_study_that_is_there_is_never_overwritten(
    identity: dict[str, int], resume: bool, words: str, tmp_path: Path
) -> None:
    one = study()
    one.keep_in(tmp_path, {"seed": 1, "epochs": 3}, resume=False)
    tried(one, 1)

    with pytest.raises(ValueError, match=words):
        study().keep_in(tmp_path, identity, resume=resume)


@pytest.mark.parametrize("damaged", [b"no database" * 500, b"SQLite format 3\x00"])
def test_what_is_no_study_is_refused(damaged: bytes, tmp_path: Path) -> None:
    (tmp_path / STUDY_FILE).write_bytes(damaged)

    with pytest.raises(ValueError, match=r"expected a study of kairos tune at .*; give another folder"):
        study().keep_in(tmp_path, {}, resume=True)

"""`kairos tune`, and what `kairos train` makes of what it found."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from inference.checkpoint import load_checkpoint
from inference.dataset import Examples, gather, write_examples
from inference.heads import HEADS
from streams.commands.train import train
from streams.commands.tune import tune
from tests.inference.shop import examples

LIMIT_S = 120
MAIN = "from streams.cli import main; main()"
TINY = ("--device", "cpu", "--epochs", "1", "--seed", "2")


def made() -> Examples:
    return gather(examples(1_500))


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stored") / "examples.npy"
    write_examples(path, made())
    return path


@pytest.fixture(scope="module")
def study(stored: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a study of four trials that nobody stopped, beside its `told.json`."""
    out = tmp_path_factory.mktemp("study")
    result = tuned(stored, out, "--trials", "4", "--json")
    assert result.exit_code == 0, result.output
    (out / "told.json").write_text(result.stdout)
    return out


def tuned(stored: Path, out: Path, *options: str) -> Result:
    return CliRunner().invoke(tune, [str(stored), "--out", str(out), *TINY, *options])


def told(text: str) -> Any:
    """What a study came to, but for how long it took."""
    found = json.loads(text)
    for trial in found["trials"]:
        del trial["seconds"]
    return found


def test_a_study_stopped_by_ctrl_c_goes_on_to_what_it_would_have_been(stored: Path, tmp_path: Path) -> None:
    out = tmp_path / "study"
    words = [sys.executable, "-c", MAIN, "tune", str(stored), "--out", str(out), *TINY, "--trials", "400"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        until_s = time.monotonic() + LIMIT_S
        while not (out / "best.toml").exists():
            assert process.poll() is None
            assert time.monotonic() < until_s
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=LIMIT_S)

    assert process.returncode == 1
    assert "stopped; the same command with --resume goes on after the last trial" in said
    assert "Traceback" not in said
    begun = told(tuned(stored, out, "--trials", "1", "--resume", "--json").stdout)["trials"]
    trials = str(len(begun) + 2)
    resumed = tuned(stored, out, "--trials", trials, "--resume", "--json")
    whole = tuned(stored, tmp_path / "whole", "--trials", trials, "--json")
    assert (resumed.exit_code, whole.exit_code) == (0, 0), resumed.output + whole.output
    assert 1 <= len(begun) < 400
    assert told(resumed.stdout) == told(whole.stdout)
    assert (out / "best.toml").read_bytes() == (tmp_path / "whole" / "best.toml").read_bytes()


def test_the_best_settings_train_to_what_the_trial_was_on_validation(stored: Path, study: Path, tmp_path: Path) -> None:
    found = json.loads((study / "told.json").read_text())
    best = max(found["trials"], key=lambda trial: trial["pr_auc"])
    words = [str(stored), "--out", str(tmp_path), "--device", "cpu", "--settings", str(study / "best.toml")]

    result = CliRunner().invoke(train, words)

    assert result.exit_code == 0, result.output
    facts = json.loads((tmp_path / "report.json").read_bytes())
    quality = facts["report"]["validation"]["abandon_30m"]
    assert (quality["pr_auc"], quality["log_loss"]) == (best["pr_auc"], best["log_loss"])
    assert facts["plan"] == found["best"]
    sizes = facts["plan"]["sizes"]
    assert best["settings"] == {name: facts["plan"][name] for name in ("batch", "learning_rate")} | sizes
    assert facts["settings"]["taken"]["sizes"] == sizes


def test_an_option_that_is_given_wins_over_the_settings(stored: Path, study: Path, tmp_path: Path) -> None:
    words = [str(stored), "--out", str(tmp_path), "--settings", str(study / "best.toml"), "--seed", "7"]

    result = CliRunner().invoke(train, words)

    assert result.exit_code == 0, result.output
    facts = load_checkpoint(tmp_path / "model.pt").facts
    assert (facts["plan"]["seed"], facts["plan"]["epochs"]) == (7, 1)
    assert "seed" not in facts["settings"]["taken"]


def test_the_first_trial_has_the_defaults(study: Path) -> None:
    first = json.loads((study / "told.json").read_text())["trials"][0]

    assert first["settings"] == {
        "batch": 512, "learning_rate": 0.001, "width": 48, "dropout": 0.1, "items_hidden": 0.7,
    }  # fmt: skip


def test_no_trial_sees_the_test_part(stored: Path, study: Path, tmp_path: Path) -> None:
    other = made()
    test_part = other["at_ms"] >= np.quantile(other["at_ms"], 0.85)
    for head in HEADS:
        known = test_part & (other[head.name] >= 0)
        other[head.name][known] = 1 - other[head.name][known] if head.answers == "chance" else 0
    write_examples(tmp_path / "other.npy", other)

    result = tuned(tmp_path / "other.npy", tmp_path / "study", "--trials", "4", "--json")

    assert (other != made()).any()
    assert result.exit_code == 0, result.output
    assert told(result.stdout) == told((study / "told.json").read_text())


def test_the_study_is_a_table_that_names_the_next_command(stored: Path, study: Path, tmp_path: Path) -> None:
    result = tuned(stored, study, "--trials", "4", "--resume")

    assert result.exit_code == 0, result.output
    assert "4 trials, 0 given up early" in " ".join(result.stdout.split())
    assert "the defaults" in result.stdout
    assert f"kairos train {stored} --settings {study / 'best.toml'}" in result.stdout


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("learning_rat = 0.1", "got: learning_rat, where only architecture, "),
        ('architecture = "gpt"', "got: gpt, where only rnn, gru, "),
        ("learning_rate = -1.0", "expected settings to train with in"),
        ("batch = 0", "Expected `int` >= 1"),
        ('batch = "many"', "Expected `int`, got `str`"),
        ("[sizes]\ndropout = 1.5", "expected sizes of the lstm"),
        ("[sizes]\nlayers = 3", "unknown field `layers`"),
        ('architecture = "transformer"\n[sizes]\nwidth = 50', "expected a width that 4 attention heads divide"),
        ("batch 512", "expected settings to train with in"),
    ],
)
def test_wrong_settings_are_one_line(settings: str, words: str, stored: Path, tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(settings)

    result = CliRunner().invoke(train, [str(stored), "--out", str(tmp_path / "run"), "--settings", str(path)])

    assert result.exit_code == 1, result.output
    assert words in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_a_study_of_other_examples_is_not_gone_on_with(study: Path, tmp_path: Path) -> None:
    write_examples(tmp_path / "other.npy", gather(examples(1_500, seed=9)))

    result = tuned(tmp_path / "other.npy", study, "--trials", "4", "--resume")

    assert result.exit_code == 1
    assert "got another: examples differ" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1

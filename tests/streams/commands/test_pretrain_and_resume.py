"""`kairos pretrain`, and a `kairos train` that somebody stops."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

from inference.checkpoint import load_checkpoint
from inference.dataset import gather, write_examples
from inference.trained import START_FILE
from inference.unfinished import UNFINISHED_FILE
from streams.commands.pretrain import pretrain
from streams.commands.train import train
from tests.inference.shop import examples

LIMIT_S = 120
MAIN = "from streams.cli import main; main()"


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stored") / "examples.npy"
    write_examples(path, gather(examples(3_000)))
    return path


def asked(command: object, stored: Path, out: Path, *options: str) -> Result:
    return CliRunner().invoke(command, [str(stored), "--out", str(out), "--device", "cpu", *options])


def weights(out: Path) -> dict[str, torch.Tensor]:
    return load_checkpoint(out / "model.pt").model.state_dict()


def test_a_training_stopped_by_ctrl_c_goes_on_to_the_model_of_one_that_was_not(stored: Path, tmp_path: Path) -> None:
    options = ["--model", "transformer", "--epochs", "3", "--seed", "2"]
    words = [sys.executable, "-c", MAIN, "train", str(stored), "--out", str(tmp_path / "run")]
    with subprocess.Popen([*words, "--device", "cpu", *options], stderr=subprocess.PIPE, text=True) as process:
        until_s = time.monotonic() + LIMIT_S
        while not (tmp_path / "run" / UNFINISHED_FILE).exists():
            assert process.poll() is None
            assert time.monotonic() < until_s
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=LIMIT_S)

    assert process.returncode == 1
    assert "the same command with --resume goes on" in said
    assert not (tmp_path / "run" / "model.pt").exists()
    resumed = asked(train, stored, tmp_path / "run", *options, "--resume")
    whole = asked(train, stored, tmp_path / "whole", *options)
    assert (resumed.exit_code, whole.exit_code) == (0, 0), resumed.output + whole.output
    expected, came = weights(tmp_path / "whole"), weights(tmp_path / "run")
    assert all(torch.equal(expected[name], came[name]) for name in expected)
    assert not (tmp_path / "run" / UNFINISHED_FILE).exists()


def test_a_pretrained_transformer_is_what_training_starts_from(stored: Path, tmp_path: Path) -> None:
    first = asked(pretrain, stored, tmp_path / "start", "--epochs", "1", "--seed", "4", "--json")
    second = asked(
        train, stored, tmp_path / "run", "--model", "transformer", "--epochs", "1",
        "--start-from", str(tmp_path / "start"), "--last-layers", "1",
    )  # fmt: skip

    assert (first.exit_code, second.exit_code) == (0, 0), first.output + second.output
    assert json.loads(first.stdout)["plan"]["seed"] == 4
    facts = load_checkpoint(tmp_path / "run" / "model.pt").facts
    assert facts["started_from"] == json.loads(first.stdout)
    start = torch.load(tmp_path / "start" / START_FILE, weights_only=True)["weights"]
    came = weights(tmp_path / "run")
    assert torch.equal(came["model.layers.0.asks.weight"], start["layers.0.asks.weight"])
    assert not torch.equal(came["model.layers.1.asks.weight"], start["layers.1.asks.weight"])


def test_a_device_that_is_not_there_is_one_line_that_names_the_fix(stored: Path, tmp_path: Path) -> None:
    result = asked(train, stored, tmp_path / "run", "--device", "nonsense")

    assert result.exit_code == 1
    assert "expected a device that torch can use here, got nonsense" in result.stderr
    assert "try --device cpu" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1

"""`kairos compress`: a small model from a large one, or a refusal that leaves nothing behind."""

import json
from pathlib import Path
from typing import Any

import onnxruntime
import pytest
import torch
from click.testing import CliRunner, Result

from inference.asked import Asked
from inference.checkpoint import Checkpoint, built, load_checkpoint, save_checkpoint
from inference.compress import int8
from inference.dataset import gather, write_examples
from inference.export import checked_onnx, random_inputs
from streams.commands.compress import compress
from tests.inference.shop import examples


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stored") / "examples.npy"
    write_examples(path, gather(examples(1_500)))
    return path


def model_of(folder: Path, architecture: str, **sizes: Any) -> Path:
    """A model that only knows how frequent each answer is, and not even that well: it answers everybody the same."""
    model = built(architecture, sizes)
    torch.nn.init.zeros_(model.model.get_parameter("readout.heads.weight"))
    folder.mkdir()
    save_checkpoint(folder / "model.pt", Checkpoint(architecture, model, {}, sizes))
    return folder


def compressed(model: Path, stored: Path, out: Path, *options: str) -> Result:
    return CliRunner().invoke(compress, [str(model), str(stored), "--out", str(out), "--threads", "1", *options])


def test_a_small_lstm_takes_the_place_of_a_large_one_that_it_beats(stored: Path, tmp_path: Path) -> None:
    model = model_of(tmp_path / "large", "lstm", width=96)

    result = compressed(model, stored, tmp_path / "small", "--to", "lstm", "--width", "8", "--epochs", "5", "--json")

    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["refused"] == []
    student = load_checkpoint(tmp_path / "small" / "model.pt")
    assert (student.architecture, student.sizes) == ("lstm", {"width": 8})
    facts = json.loads((tmp_path / "small" / "report.json").read_bytes())
    assert facts["taught_by"]["sizes"] == {"width": 96}
    assert facts["compressed"]["times_as_fast"] == told["times_as_fast"]
    assert facts["examples_from"]["source"] == stored.name
    assert not (tmp_path / "small" / "unfinished.pt").exists()


def test_an_lstm_that_is_no_faster_is_refused_and_leaves_what_it_goes_on_from(stored: Path, tmp_path: Path) -> None:
    model = model_of(tmp_path / "large", "lstm", width=8)
    options = ["--to", "lstm", "--width", "24", "--epochs", "1"]

    refused = compressed(model, stored, tmp_path / "small", *options)
    again = compressed(model, stored, tmp_path / "small", *options, "--resume")

    for result in (refused, again):
        assert result.exit_code == 1
        assert "refused, and nothing was written" in result.stderr
        assert "times as fast, 1.5 times are needed" in result.stderr
        assert {path.name for path in (tmp_path / "small").iterdir()} == {"unfinished.pt", "tensorboard"}


def test_a_small_transformer_gains_nothing_from_int8_and_nothing_is_written(stored: Path, tmp_path: Path) -> None:
    model = model_of(tmp_path / "small", "transformer", width=4, layers=1)

    result = compressed(model, stored, tmp_path / "models", "--to", "int8", "--json")

    assert result.exit_code == 1, result.output
    assert "times as fast, 1.2 times are needed" in result.stderr
    assert json.loads(result.stdout)["written"] is None
    assert not (tmp_path / "models").exists()


def test_int8_is_smaller_and_answers_nearly_the_same() -> None:
    model = Asked(built("transformer", {}), everything=False)
    before = checked_onnx(model)
    after = int8(before)

    assert len(after) < len(before) / 2
    sessions = [onnxruntime.InferenceSession(one, providers=["CPUExecutionProvider"]) for one in (before, after)]
    pairs = zip(*(one.run(None, random_inputs(64, seed=1)) for one in sessions), strict=True)
    apart = [abs(one - other).max() for one, other in pairs]
    assert 0 < max(apart) < 0.05


def test_int8_of_an_lstm_is_refused_with_what_helps(stored: Path, tmp_path: Path) -> None:
    result = compressed(model_of(tmp_path / "model", "lstm"), stored, tmp_path / "models", "--to", "int8")

    assert result.exit_code == 1
    assert "expected a transformer for int8, got lstm" in result.stderr
    assert "use --to lstm" in result.stderr


def test_a_model_is_never_written_over_its_teacher(stored: Path, tmp_path: Path) -> None:
    result = compressed(tmp_path, stored, tmp_path, "--to", "lstm")

    assert result.exit_code == 1
    assert "choose another --out" in result.stderr

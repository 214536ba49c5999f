"""What an export leaves behind."""

import hashlib
import json
from pathlib import Path

import onnxruntime
import pytest
import torch

from inference.checkpoint import Checkpoint
from inference.export import CARD_FILE, Place, export, random_inputs
from inference.models.heads import Served
from inference.models.lstm import Lstm


def test_an_export_is_a_model_that_runs_with_its_configuration_and_its_card(tmp_path: Path) -> None:
    checkpoint = Checkpoint("lstm", Served(Lstm()).eval(), {"report": {"test": {"pr_auc": 0.5}}})

    path = export(checkpoint, Place(tmp_path, "abandon_lstm", 3), "2026-11-23")

    assert path == tmp_path / "abandon_lstm" / "3" / "model.onnx"
    assert (tmp_path / "abandon_lstm" / "config.pbtxt").is_file()
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert [len(output) for output in session.run(None, random_inputs(5, seed=1))] == [5, 5, 5, 5]  # and the pushes
    card = json.loads(path.with_name(CARD_FILE).read_bytes())
    assert card["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (card["name"], card["version"], card["date"]) == ("abandon_lstm", 3, "2026-11-23")
    assert card["report"] == {"test": {"pr_auc": 0.5}}


def test_a_model_that_answers_nan_is_not_exported(tmp_path: Path) -> None:
    broken = Lstm()
    torch.nn.init.constant_(broken.readout.heads.bias, float("nan"))

    with pytest.raises(ValueError, match=r"expected purchase_24h from ONNX Runtime within 1e-05 .* got nan apart"):
        export(Checkpoint("lstm", Served(broken).eval(), {}), Place(tmp_path, "abandon_lstm", 1), "2026-11-23")

    assert not any(tmp_path.iterdir())

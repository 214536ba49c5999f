"""`kairos evaluate`, with a model as it was trained and as it was exported."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from inference.dataset import gather, write_examples
from streams.commands.evaluate import evaluate
from streams.commands.export import export
from streams.commands.train import train
from tests.inference.shop import examples


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evaluated")
    write_examples(folder / "examples.npy", gather(examples(1_500)))
    asked = [str(folder), "--out", str(folder / "model"), "--epochs", "1"]
    assert CliRunner().invoke(train, asked).exit_code == 0
    assert CliRunner().invoke(export, [str(folder / "model"), "--models", str(folder / "onnx")]).exit_code == 0
    return folder


@pytest.fixture(scope="module")
def judged(folder: Path) -> dict[str, dict]:
    """By where the model is taken from."""
    models = {"trained": folder / "model", "exported": folder / "onnx" / "abandon_lstm"}
    found = {}
    for name, model in models.items():
        result = CliRunner().invoke(evaluate, [str(model), str(folder), "--draws", "20", "--json"])
        assert result.exit_code == 0, result.output
        found[name] = json.loads(result.stdout)
    return found


def test_the_figures_are_those_that_training_reported(judged: dict[str, dict], folder: Path) -> None:
    told = json.loads((folder / "model" / "report.json").read_bytes())["report"]["test"]

    for head in judged["trained"]["heads"]:
        quality = told[head["head"]]
        if head["contenders"]:
            figures = head["contenders"][0]["figures"]
            for name in ("pr_auc", "roc_auc", "ece"):
                assert figures[name]["value"] == pytest.approx(quality[name], abs=1e-6)
        elif head["choices"]:
            assert head["choices"]["model"]["accuracy"]["value"] == pytest.approx(quality["accuracy"])
        else:
            assert quality is None
    assert judged["trained"]["warnings"] == []


def test_an_exported_model_is_judged_as_it_was_trained_on_the_heads_that_it_answers(judged: dict[str, dict]) -> None:
    trained = {head["head"]: head for head in judged["trained"]["heads"]}

    assert [head["head"] for head in judged["exported"]["heads"]] == ["purchase_24h", "abandon_30m", "next_action"]
    for head in judged["exported"]["heads"]:
        if head["contenders"]:
            same = trained[head["head"]]["contenders"][0]["figures"]["pr_auc"]["value"]
            assert head["contenders"][0]["figures"]["pr_auc"]["value"] == pytest.approx(same, abs=1e-3)


def test_a_model_of_other_examples_is_judged_with_a_warning(folder: Path, tmp_path: Path) -> None:
    write_examples(tmp_path / "other.npy", gather(examples(1_000, seed=9)))

    result = CliRunner().invoke(
        evaluate, [str(folder / "onnx/abandon_lstm/1"), str(tmp_path / "other.npy"), "--draws", "20", "--json"]
    )

    assert "the figures flatter it" in json.loads(result.stdout)["warnings"][0]


def test_a_folder_without_a_model_is_a_mistake_in_one_line(folder: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(evaluate, [str(tmp_path), str(folder)])

    assert result.exit_code == 1
    assert "expected model.pt (kairos train) or model.onnx (kairos export)" in result.stderr


def test_a_report_that_cannot_be_written_is_told_before_anything_is_judged(folder: Path, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere" / "page.html"

    result = CliRunner().invoke(evaluate, [str(folder / "model"), str(folder), "--report", str(nowhere)])

    assert result.exit_code == 1
    assert "expected a file for the report in a folder that is there" in result.stderr

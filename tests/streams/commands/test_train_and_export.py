"""`kairos train` and `kairos export`, one after the other."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from inference.checkpoint import MODELS, load_checkpoint
from inference.dataset import gather, write_examples
from inference.evaluate import Report
from streams.commands.export import export
from streams.commands.train import MODELS as OFFERED
from streams.commands.train import train
from tests.inference.shop import examples


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stored") / "examples.npy"
    write_examples(path, gather(examples(1_500)))
    return path


def trained(stored: Path, out: Path, *options: str) -> Result:
    return CliRunner().invoke(train, [str(stored), "--out", str(out), "--epochs", "1", *options])


def test_examples_become_a_model_and_the_model_an_onnx_file_with_a_card(stored: Path, tmp_path: Path) -> None:
    first = trained(stored, tmp_path / "run", "--seed", "5", "--json")
    second = CliRunner().invoke(
        export, [str(tmp_path / "run"), "--models", str(tmp_path / "m"), "--date", "2026-11-23"]
    )

    assert (first.exit_code, second.exit_code) == (0, 0), first.output + second.output
    assert set(json.loads(first.stdout)) == set(Report.__struct_fields__)
    assert second.stdout.strip() == str(tmp_path / "m" / "abandon_lstm" / "1" / "model.onnx")
    card = json.loads((tmp_path / "m" / "abandon_lstm" / "1" / "card.json").read_bytes())
    assert card["plan"]["seed"] == 5
    assert card["report"]["test"] == json.loads(first.stdout)
    assert card["examples_from"]["source"] == stored.name


def test_an_export_takes_the_version_after_the_last(stored: Path, tmp_path: Path) -> None:
    trained(stored, tmp_path / "run")
    (tmp_path / "m" / "abandon_lstm" / "7").mkdir(parents=True)
    (tmp_path / "m" / "abandon_lstm" / "7" / "model.onnx").write_bytes(b"")

    result = CliRunner().invoke(export, [str(tmp_path / "run"), "--models", str(tmp_path / "m")])

    assert result.stdout.strip().endswith("abandon_lstm/8/model.onnx")


def test_the_report_is_a_table_that_names_the_next_command(stored: Path, tmp_path: Path) -> None:
    result = trained(stored, tmp_path / "run")

    assert "abandon_30m" in result.stdout
    assert "optimum" in result.stdout
    assert f"kairos export {tmp_path / 'run'}" in result.stdout


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        (None, ["--gap-hours", "400"], "give a longer log or a smaller gap"),
        (b"user_id,event", [], "expected a file of examples"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_fix(
    content: bytes | None, options: list[str], words: str, stored: Path, tmp_path: Path
) -> None:
    if content is not None:
        stored = tmp_path / "damaged.npy"
        stored.write_bytes(content)

    result = trained(stored, tmp_path / "run", *options)

    assert result.exit_code == 1
    assert words in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_examples_that_are_too_thin_are_refused_with_the_numbers_unless_they_are_forced(tmp_path: Path) -> None:
    few = tmp_path / "few.npy"
    write_examples(few, gather(examples(120)))

    refused = trained(few, tmp_path / "refused")
    forced = trained(few, tmp_path / "forced", "--force")

    assert refused.exit_code == 1
    assert "too thin to train on: shoppers in train: " in refused.stderr
    assert "needed are 100" in refused.stderr
    assert not (tmp_path / "refused").exists()
    assert forced.exit_code == 0, forced.output
    assert (tmp_path / "forced" / "model.pt").exists()


def test_neither_a_log_nor_examples_is_a_mistake(tmp_path: Path) -> None:
    result = CliRunner().invoke(train, ["--out", str(tmp_path)])

    assert result.exit_code == 2
    assert "Missing argument 'LOG|EXAMPLES'" in result.stderr


def test_an_export_of_a_folder_without_a_model_names_the_command_that_makes_one(tmp_path: Path) -> None:
    result = CliRunner().invoke(export, [str(tmp_path), "--models", str(tmp_path / "m")])

    assert result.exit_code == 1
    assert "make one with kairos train LOG --out DIR" in result.stderr


@pytest.mark.parametrize("model", MODELS)
def test_every_model_is_trained_by_its_name(model: str, stored: Path, tmp_path: Path) -> None:
    result = trained(stored, tmp_path / "run", "--model", model)

    assert result.exit_code == 0, result.output
    assert load_checkpoint(tmp_path / "run" / "model.pt").architecture == model


def test_the_command_offers_all_models() -> None:
    assert tuple(MODELS) == OFFERED


def test_a_model_of_all_heads_has_a_configuration_of_its_own(stored: Path, tmp_path: Path) -> None:
    trained(stored, tmp_path / "run", "--model", "vae")
    options = [str(tmp_path / "run"), "--models", str(tmp_path / "m"), "--name", "shopper"]

    first = CliRunner().invoke(export, [*options, "--all-heads"])
    second = CliRunner().invoke(export, options)

    assert first.exit_code == 0, first.output
    text = (tmp_path / "m" / "shopper" / "config.pbtxt").read_text()
    for name in ("churn_30d", "next_event", "shopper_embedding", "anomaly"):
        assert f'name: "{name}"' in text
    assert second.exit_code == 1
    assert "choose another --name" in second.stderr
    assert not (tmp_path / "m" / "shopper" / "2").exists()

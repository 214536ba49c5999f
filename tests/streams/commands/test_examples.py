"""`kairos examples`: what comes out, what it says of the log, and what it refuses."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from inference.dataset import read_examples
from streams.commands.examples import examples
from streams.commands.simulate import simulate
from streams.commands.train import train
from streams.replay.data_quality import QUALITY_FILE


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("log") / "shop"
    options = ["--seed", "7", "--shoppers", "220", "--duration", "7d", "--bots", "0.02", "--json"]
    assert CliRunner().invoke(simulate, ["--out", str(folder), *options]).exit_code == 0
    return folder


@pytest.fixture(scope="module")
def made(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    out = tmp_path_factory.mktemp("made") / "examples"
    return CliRunner().invoke(examples, [str(shop), "--out", str(out), "--json"]), out


def test_a_log_becomes_examples_with_a_report_beside_them(made: tuple[Result, Path]) -> None:
    result, out = made

    report = json.loads(result.stdout)
    assert result.exit_code == 0, result.output
    assert report == json.loads((out / QUALITY_FILE).read_bytes())
    assert report["examples"] == len(read_examples(out)) > 1_000
    assert report["examples"] == report["left_out"] + sum(part["examples"] for part in report["parts"].values())
    assert report["hours"] == pytest.approx(7 * 24, abs=6)
    times = [(part["from_ms"], part["to_ms"]) for part in report["parts"].values()]
    assert times == sorted(times)
    assert report["shares"]["dropped"] == pytest.approx(sum(report["shares"].values()) / 2)
    assert report["records"]["bots"] > 0


def test_training_reads_what_was_made_and_comes_to_the_model_of_the_log(
    made: tuple[Result, Path], shop: Path, tmp_path: Path
) -> None:
    for source, name in ((made[1], "a"), (shop, "b")):
        result = CliRunner().invoke(train, [str(source), "--out", str(tmp_path / name), "--epochs", "1"])
        assert result.exit_code == 0, result.output

    first, second = (json.loads((tmp_path / name / "report.json").read_bytes()) for name in "ab")
    assert first["report"] == second["report"]
    assert first["examples_from"]["sha256"] == second["examples_from"]["sha256"] == json.loads(made[0].stdout)["sha256"]


def test_the_report_is_a_table_that_names_every_kind_of_trouble(shop: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(examples, [str(shop), "--out", str(tmp_path / "made")])

    for words in ("missing: ", "out of range: ", "repeats", "behind the watermark", "clock ahead", "bots", "churn_30d"):
        assert words in result.stdout, words
    assert f"kairos train {tmp_path / 'made'}" in result.stdout.replace("\n", "")


def test_what_is_too_thin_is_refused_with_the_numbers_and_nothing_is_written(tmp_path: Path) -> None:
    simulated = ["--out", str(tmp_path / "few"), "--shoppers", "60", "--duration", "5d", "--json"]
    assert CliRunner().invoke(simulate, simulated).exit_code == 0
    asked = [str(tmp_path / "few"), "--out", str(tmp_path / "made"), "--json"]

    refused = CliRunner().invoke(examples, asked)
    there = (tmp_path / "made").exists()
    forced = CliRunner().invoke(examples, [*asked, "--force"])

    assert refused.exit_code == 1
    assert "too thin to train on: shoppers in train: " in refused.stderr
    assert "needed are 100" in refused.stderr
    assert json.loads(refused.stdout)["too_thin"]
    assert not there
    assert forced.exit_code == 0, forced.output
    assert len(read_examples(tmp_path / "made")) > 0


def test_a_log_too_short_for_the_gaps_is_refused_in_one_line_even_by_force(shop: Path, tmp_path: Path) -> None:
    asked = [str(shop), "--out", str(tmp_path / "made"), "--gap-hours", "200", "--force"]

    result = CliRunner().invoke(examples, asked)

    assert result.exit_code == 1
    assert "expected examples over much more time than two gaps of 200 h" in result.stderr

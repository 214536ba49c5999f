"""`kairos synthesise`, and what `kairos train` does with it."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from inference.checkpoint import load_checkpoint
from inference.dataset import EXAMPLES_FILE, gather, read_examples, split, write_examples
from inference.unfinished import UNFINISHED_FILE
from streams.commands.synthesise import synthesise
from streams.commands.train import train
from tests.inference.shop import examples


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stored") / "examples.npy"
    write_examples(path, gather(examples(1_500)))
    return path


def asked(command: object, stored: Path, out: Path, *options: str) -> Result:
    words = [str(stored), "--out", str(out), "--device", "cpu", "--epochs", "1", *options]
    return CliRunner().invoke(command, words)


def test_made_up_examples_are_added_to_those_that_a_model_learns_from_and_its_facts_say_so(
    stored: Path, tmp_path: Path
) -> None:
    first = asked(synthesise, stored, tmp_path / "made", "--count", "300", "--json")
    second = asked(train, stored, tmp_path / "run", "--add", str(tmp_path / "made"))

    assert (first.exit_code, second.exit_code) == (0, 0), first.output + second.output
    facts = json.loads(first.stdout)
    assert (facts["synthetic"], facts["count"]) == (True, 300)
    assert set(facts["distances"]["kind_to_kind"]) == {"synthetic", "half", "independent"}
    assert json.loads((tmp_path / "made" / "report.json").read_bytes()) == facts
    parts, model = split(read_examples(stored)), load_checkpoint(tmp_path / "run" / "model.pt").facts
    assert facts["learned_from"]["count"] == len(parts.train)
    assert model["examples_from"]["added"]["synthetic"] == 300
    assert model["examples"] == {
        "train": len(parts.train) + 300,
        "validation": len(parts.validation),
        "test": len(parts.test),
    }


def test_nothing_that_comes_after_the_training_part_is_learned_from(stored: Path, tmp_path: Path) -> None:
    later = read_examples(stored)
    after = later["at_ms"] > split(later).train["at_ms"].max()
    later["history"]["price"][after] += 1
    later["context"][after] += 1
    write_examples(tmp_path / "later.npy", later)

    asked(synthesise, stored, tmp_path / "one")
    asked(synthesise, tmp_path / "later.npy", tmp_path / "other")

    one, other = (read_examples(tmp_path / name / EXAMPLES_FILE) for name in ("one", "other"))
    assert np.array_equal(one.view(np.uint8), other.view(np.uint8))


def test_the_report_is_a_table_that_names_the_next_command(stored: Path, tmp_path: Path) -> None:
    result = asked(synthesise, stored, tmp_path / "made")

    assert "kind_to_kind" in result.stdout
    assert f"kairos train {stored} --add {tmp_path / 'made'}" in result.stdout
    assert not (tmp_path / "made" / UNFINISHED_FILE).exists()


def test_examples_of_later_than_the_training_part_are_one_line_that_names_the_fix(stored: Path, tmp_path: Path) -> None:
    result = asked(train, stored, tmp_path / "run", "--add", str(stored))

    assert result.exit_code == 1
    assert "make them up from the same log: kairos synthesise LOG" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_a_model_is_never_judged_on_made_up_examples(stored: Path, tmp_path: Path) -> None:
    asked(synthesise, stored, tmp_path / "made")

    result = asked(train, tmp_path / "made", tmp_path / "run", "--force")

    assert result.exit_code == 1
    assert "expected real examples" in result.stderr
    assert "these by --add" in result.stderr
    assert not (tmp_path / "run").exists()

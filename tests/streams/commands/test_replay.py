"""`kairos replay` as a user calls it: what it verifies, what it says of mistakes, and what Ctrl-C leaves."""

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from schemas.topics import DECISIONS, TIMELINE
from streams.commands.replay import replay as replay_command
from tests.streams.replay.shop_log import RULES, write_shop

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shop(tmp_path_factory.mktemp("shop"))


def command(*arguments: str | Path, code: int = 0) -> Any:
    """What `kairos replay --json` prints; where it fails, what it says."""
    environment = {"KAIROS_MODEL": "", "KAIROS_POLICY": RULES.policy}
    done = CliRunner().invoke(replay_command, [*map(str, arguments), "--json"], env=environment)
    assert done.exit_code == code, done.output
    return json.loads(done.stdout) if code == 0 else done.output


def test_a_replay_verifies_and_every_byte_that_was_changed_is_told_by_its_cause(shop: Path, tmp_path: Path) -> None:
    command(shop, "--out", tmp_path / "run", "--keep-timeline", "--processes", "2")
    assert command(tmp_path / "run", "--verify")["differences"] == []

    nudges = tmp_path / "run/shop.interventions.cart_nudge.v1/0.jsonl"
    first, second, *rest = nudges.read_bytes().splitlines(keepends=True)
    nudges.write_bytes(first.replace(b'"version":1,"target"', b'"version":2,"target"') + b"".join(rest))

    told = json.loads(command(tmp_path / "run", "--verify", code=1).splitlines()[-1])
    assert told["causes"] == {"lost": 1, "wrong_bytes": 1}
    ids = [json.loads(line)["record"]["intervention_id"] for line in (first, second)]
    assert sorted(id_ for one in told["differences"] for id_ in ids if id_ in one["what"]) == sorted(ids)


def test_a_changed_byte_of_the_timeline_itself_is_told(shop: Path, tmp_path: Path) -> None:
    command(shop, "--out", tmp_path / "run", "--keep-timeline")
    file = tmp_path / "run" / TIMELINE.name / "0.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    place = next(n for n, line in enumerate(lines) if b'"key":"' in line)
    lines[place] = lines[place].replace(b'"value_base64":"AQ', b'"value_base64":"Ag')  # the version
    file.write_bytes(b"".join(lines))

    told = json.loads(command(tmp_path / "run", "--verify", code=1).splitlines()[-1])

    assert f"partition 0@{place}: expected timeline version 1, got 2" in told["differences"][-1]["what"]


def test_a_run_without_a_model_verifies_where_it_is_said_that_it_had_none(shop: Path, tmp_path: Path) -> None:
    command(shop, "--out", tmp_path / "run", "--keep-timeline")
    with_model = {"KAIROS_MODEL": "abandon_lstm", "KAIROS_POLICY": RULES.policy}

    asked = [str(tmp_path / "run"), "--verify", "--json"]
    told = CliRunner().invoke(replay_command, [*asked, "--scores", "rules"], env=with_model)
    assert (told.exit_code, json.loads(told.stdout)["differences"]) == (0, [])

    found = json.loads(CliRunner().invoke(replay_command, asked, env=with_model).stdout)
    assert found["causes"].keys() == {"lost"}  # decisions after events, which nobody took


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ("nowhere.csv", 1, "cannot read nowhere.csv: No such file or directory"),
        ("kafka://127.0.0.1:1/shop.timeline.v1", 1, "no broker at 127.0.0.1:1"),
        ("kafka://127.0.0.1:1/shop.clock.v1", 1, "expected a timeline topic"),
        ("{root}/LICENSE", 1, "no known format"),
        ("{root}/LICENSE --format timeline", 1, "no timeline in it"),
        ("{root}/deploy", 1, "no file in it is of a known format"),
        ("{shop} --verify", 1, "expected a recorded timeline"),
        ("{shop} --verify --from 0", 2, "--verify compares a whole run"),
        ("{shop} --verify --engine ray", 2, "--verify works in processes of this machine"),
        ("{shop} --scores recorded", 1, "expected a recorded timeline"),
        ("{shop} --scores model", 1, "expected a model's name, got none; set KAIROS_MODEL"),
        ("{shop} --keep-timeline", 2, "--keep-timeline needs --out"),
        ("{shop} --report page.pdf", 1, "expected a report that ends in .html or .json, got page.pdf"),
        ("{shop} --report nowhere/page.html", 1, "expected a file for the report in a folder that is there"),
        ("{shop} --verify --report page.html", 2, "--verify compares a whole run"),
        ("{shop} --from 7", 2, "--from and --to are for a topic"),
        ("{shop} --policy none.toml", 1, "expected a policy at none.toml"),
        ("{shop} --out {root}/deploy", 1, "expected a new or empty folder for --out"),
    ],
)
def test_a_mistake_is_said_in_one_line(shop: Path, arguments: str, code: int, said: str) -> None:
    output = command(*arguments.format(shop=shop, root=ROOT).split(), code=code)

    assert said in output
    assert len(output.strip().splitlines()) == 1 or output.startswith("Usage: ")


@pytest.mark.parametrize("processes", [1, 2])
def test_ctrl_c_leaves_a_valid_partial_result(shop: Path, tmp_path: Path, processes: int) -> None:
    big = tmp_path / "big.jsonl.gz"
    with gzip.open(big, "wb", compresslevel=1) as file:
        for line in shop.open("rb"):
            file.write(40 * line)  # repeats are read, and told by their messageId
    out, page = tmp_path / "out", tmp_path / "page.html"
    process = start(
        "replay", str(big), "--out", str(out), "--report", str(page), "--processes", str(processes), "--json"
    )
    until(lambda: any((out / DECISIONS.name).glob("*.jsonl")))

    process.send_signal(signal.SIGINT)
    told, said = process.communicate(timeout=60)

    assert process.returncode == 130, said
    summary = json.loads(told)
    assert summary["complete"] is json.loads((out / "summary.json").read_bytes())["complete"] is False
    lines = [json.loads(line) for file in (out / DECISIONS.name).iterdir() for line in file.open("rb")]
    assert len(lines) == summary["scores"] > 0
    assert "Stopped before the end of the log" in page.read_text()


def start(*arguments: str) -> "subprocess.Popen[str]":
    program = (sys.executable, "-c", "from streams.cli import main; main()")
    environment = os.environ | {"KAIROS_MODEL": "", "KAIROS_POLICY": RULES.policy}
    pipe = subprocess.PIPE
    return subprocess.Popen([*program, *arguments], env=environment, cwd=ROOT, stdout=pipe, stderr=pipe, text=True)


def until(holds: Callable[[], bool], limit_s: float = 60.0) -> None:
    """Returns once it holds."""
    deadline = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < deadline, f"not within {limit_s:.0f} s"
        time.sleep(0.02)

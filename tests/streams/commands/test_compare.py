"""`kairos compare` as a user calls it: a table, one JSON object, a report, and mistakes in one line."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from streams.commands.compare import compare as compare_command
from tests.streams.replay.shop_log import RULES, write_shop

ROOT = Path(__file__).parents[3]
ENVIRONMENT = {"KAIROS_MODEL": "", "KAIROS_POLICY": RULES.policy}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def capped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("policies") / "capped.toml"
    path.write_text('id = "capped"\nversion = "1"\n[caps]\nper_shopper = 0\n')
    return path


def command(*arguments: str | Path, code: int = 0) -> Any:
    done = CliRunner().invoke(compare_command, [*map(str, arguments)], env=ENVIRONMENT)
    assert done.exit_code == code, done.output
    return done.stdout if code == 0 else done.output


def test_the_table_says_who_gets_one_and_why_the_other_side_is_silent(shop: Path, capped: Path) -> None:
    told = command(shop, "--policy", RULES.policy, "--policy", capped)

    assert "by A alone, 0 by B alone" in " ".join(told.split())
    assert "the shopper had reached the cap" in told
    assert "caps.per_shopper" in told


def test_json_is_one_object_and_reports_hold_the_same(shop: Path, capped: Path, tmp_path: Path) -> None:
    reports = "--report", tmp_path / "page.html", "--report", tmp_path / "facts.json"

    told = json.loads(command(shop, "--policy", RULES.policy, "--policy", capped, "--json", *reports))

    assert told["a"]["sent"] == told["carts"]["only_a"] > 0 == told["b"]["sent"]
    assert json.loads((tmp_path / "facts.json").read_text()) == told
    assert f"{told['a']['sent']:,}" in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ("{shop}", 1, "expected two sides, got one; give --policy, --model or --scores twice"),
        ("{shop} --policy {a}", 1, "expected two sides, got one; give --policy, --model or --scores twice"),
        ("{shop} --policy {a} --policy {a}", 1, "expected two sides that differ, got the same twice"),
        ("{shop} --policy {a} --policy {folder}/./default.toml", 1, "name another --policy, --model or --scores"),
        ("{shop} --scores rules --scores rules", 1, "expected two sides that differ, got the same twice (rules)"),
        ("{shop} --policy {a} --policy {b} --policy {a}", 1, "expected --policy twice at most"),
        ("{shop} --policy {a} --policy none.toml", 1, "expected a policy at none.toml, got No such file or directory"),
        ("{shop} --policy {a} --policy {root}/LICENSE", 1, "got a mistake"),
        ("{shop} --model {root}/deploy/models/abandon_lstm --model {root}/deploy/none", 1, "model missing"),
        ("{shop} --model {models}/abandon_lstm/1 --model {models}/abandon_lstm/9", 1, "abandon_lstm/9"),
        ("{shop} --scores rules --scores recorded", 1, "expected a recorded timeline"),
        ("nowhere.csv --policy {a} --policy {b}", 1, "cannot read nowhere.csv"),
        ("{shop} --policy {a} --policy {b} --out {root}/deploy", 1, "expected a new or empty folder for --out"),
        ("{shop} --policy {a} --policy {b} --report {root}/deploy/page.pdf", 1, "ends in .html or .json"),
        ("{shop} --policy {a} --policy {b} --report nowhere/page.html", 1, "in a folder that is there"),
    ],
)
def test_a_mistake_is_said_in_one_line_before_anything_is_replayed(
    shop: Path, capped: Path, arguments: str, code: int, said: str
) -> None:
    (capped.parent / "default.toml").write_text(Path(RULES.policy).read_text())
    names = {"shop": shop, "root": ROOT, "models": ROOT / "deploy/models", "folder": capped.parent}

    filled = arguments.format(**names, a=capped.parent / "default.toml", b=capped)
    output = command(*filled.split(), code=code)

    assert said in output
    assert len(output.strip().splitlines()) == 1


def test_ctrl_c_ends_it_in_one_line(shop: Path, capped: Path, tmp_path: Path) -> None:
    big = tmp_path / "big.jsonl"
    big.write_bytes(b"".join(40 * line for line in shop.open("rb")))
    program = (sys.executable, "-c", "from streams.cli import main; main()")
    arguments = ("compare", str(big), "--policy", RULES.policy, "--policy", str(capped), "--out", str(tmp_path / "out"))
    pipe = subprocess.PIPE
    process = subprocess.Popen([*program, *arguments], env=os.environ | ENVIRONMENT, cwd=ROOT, stdout=pipe, stderr=pipe)
    deadline = time.monotonic() + 60
    while not any((tmp_path / "out/a").glob("*/*.jsonl")):
        assert time.monotonic() < deadline, "no file within 60 s"
        time.sleep(0.02)

    process.send_signal(signal.SIGINT)
    told, said = process.communicate(timeout=60)

    assert (process.returncode, told) == (130, b"")
    assert b"stopped while A was replayed: only two whole replays can be compared" in said

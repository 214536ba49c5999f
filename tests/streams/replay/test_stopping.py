"""Ctrl-C stops a replay, and what it leaves behind is whole as far as it goes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from schemas.topics import DECISIONS
from streams.replay.formats.rees46 import HEADER
from tests.streams.replay.shop_log import RULES

ROOT = Path(__file__).parents[3]
ROWS = 600_000
PROGRAM = [sys.executable, "-c", "from streams.cli import main; main()", "replay"]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log that takes many seconds: a cart a second, and after each some views."""
    path = tmp_path_factory.mktemp("log") / "long.csv"
    with path.open("wb") as file:
        file.write(HEADER + b"\n")
        for nth in range(ROWS):
            day, second = divmod(nth, 86_400)
            time_of = b"2019-10-%02d %02d:%02d:%02d UTC" % (1 + day, second // 3_600, second // 60 % 60, second % 60)
            kind = b"view" if nth % 8 else b"cart"
            file.write(time_of + b",%s,%d,1,toys,acme,%d.50,%d,s\n" % (kind, nth % 99, nth % 70, nth % 5_000))
    return path


def started(log: Path, out: Path, *options: str) -> "subprocess.Popen[str]":
    """A replay in a session of its own, as a terminal has one."""
    return subprocess.Popen(
        [*PROGRAM, str(log), "--scores", "rules", "--out", str(out), "--json", *options],
        cwd=ROOT,
        env=os.environ | {"KAIROS_POLICY": RULES.policy},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_until(holds: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    end_s = time.monotonic() + 120
    while not holds():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end_s
        time.sleep(0.02)


@pytest.mark.parametrize("processes", [1, 3])
def test_ctrl_c_leaves_whole_lines_and_a_summary_that_says_it_is_not_complete(
    log: Path, tmp_path: Path, processes: int
) -> None:
    out = tmp_path / "out"
    replay = started(log, out, "--processes", str(processes), "--keep-timeline")
    wait_until(lambda: any(file.stat().st_size for file in (out / DECISIONS.name).glob("*.jsonl")), replay)

    os.killpg(replay.pid, signal.SIGINT)  # as a terminal does it: every process hears it
    told, errors = replay.communicate(timeout=120)

    assert replay.returncode == 130, errors
    assert "Traceback" not in errors
    summary, kept = json.loads(told), json.loads((out / "summary.json").read_bytes())
    assert summary["complete"] is kept["complete"] is False
    assert 0 < kept["input"]["read"] < ROWS
    files = {file: file.read_bytes() for file in out.rglob("*.jsonl")}
    assert all(text.endswith(b"\n") and all(map(json.loads, text.splitlines())) for text in files.values())
    decided = sum(len(text.splitlines()) for file, text in files.items() if file.parent.name == DECISIONS.name)
    assert decided == kept["scores"] > 0


def test_ctrl_c_while_its_processes_are_still_starting_is_no_crash(log: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    replay = started(log, out, "--processes", "3")
    children = Path(f"/proc/{replay.pid}/task/{replay.pid}/children")
    wait_until(lambda: len(children.read_text().split()) >= 4, replay)  # multiprocessing's own one among them

    os.killpg(replay.pid, signal.SIGINT)
    told, errors = replay.communicate(timeout=120)

    assert replay.returncode == 130, errors
    assert "Traceback" not in errors
    assert json.loads(told)["complete"] is False


def test_a_process_that_is_killed_is_one_line(log: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    replay = started(log, out, "--processes", "2")
    wait_until(lambda: any(out.rglob("*.jsonl")), replay)
    children = Path(f"/proc/{replay.pid}/task/{replay.pid}/children").read_text().split()

    os.kill(int(children[-1]), signal.SIGKILL)
    _, errors = replay.communicate(timeout=120)

    assert replay.returncode == 1
    assert "Error: expected every process of the replay to end by itself, one was killed" in errors
    assert "Traceback" not in errors
    assert not (out / "summary.json").exists()

"""The command itself: three minutes in which everything breaks once, on a real Kafka of three brokers."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from streams.chaos.nemeses import NEMESES
from tests.kafka_providers import brokers_of_its_own

pytestmark = [pytest.mark.kafka, pytest.mark.triton]
ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-c", "from streams.cli import main; main()", "chaos", "--workers", "3", "--json"]
LIMIT_S = 780
SEED = 4


@pytest.fixture(scope="module")
def verdict() -> dict[str, Any]:
    """What the command says; what it told meanwhile stands in the test's output where that fails."""
    words = ["--minutes", "3", "--seed", str(SEED)]
    done = subprocess.run([*COMMAND, *words], cwd=ROOT, stdout=subprocess.PIPE, timeout=LIMIT_S, check=False)
    found: dict[str, Any] = msgspec.json.decode(done.stdout)
    assert done.returncode == (0 if found["clean"] else 1)
    return found


@brokers_of_its_own
def test_nothing_is_lost_nothing_comes_twice_whatever_breaks(verdict: dict[str, Any]) -> None:
    assert verdict["violations"] == []
    assert verdict["clean"]
    assert (verdict["lost"], verdict["unexpected"], verdict["duplicates"], verdict["wrong_bytes"]) == (0, 0, 0, 0)


@brokers_of_its_own
def test_every_nemesis_has_struck_and_the_shops_were_busy(verdict: dict[str, Any]) -> None:
    assert verdict["strikes"].keys() == NEMESES.keys()
    assert verdict["minutes"] >= 3
    assert verdict["produced"] > 5_000
    assert verdict["committed"] > 2_000
    assert {"model", "rules"} <= verdict["decisions"].keys()
    assert {"0", "137"} <= verdict["exit_codes"].keys()
    assert all(part["attempted"] > 0 for part in verdict["nemeses"].values())
    assert all(part["recoveries"] > 0 for part in verdict["nemeses"].values())


@brokers_of_its_own
def test_ended_early_it_judges_what_was_seen_and_leaves_nothing_behind(tmp_path: Path) -> None:
    own = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [*COMMAND, "--minutes", "9"], cwd=ROOT, env=own, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        next(line for line in running.stderr if "lag 0 after" in line)  # the first fault is over

        running.send_signal(signal.SIGINT)
        said, told = running.stdout.read(), running.stderr.read()
        code = running.wait(LIMIT_S)

    found = msgspec.json.decode(said)
    assert code == (0 if found["clean"] else 1)
    assert "ending early" in told
    assert sum(found["strikes"].values()) in (1, 2)
    assert found["lost"] + found["unexpected"] + found["duplicates"] + found["wrong_bytes"] == 0
    assert list(tmp_path.glob("kairos-*")) == []  # onnxruntime leaves a file of its own, .ses
    assert processes_of(tmp_path) == []


def processes_of(folder: Path) -> list[str]:
    """The command lines of all processes that know a folder by their arguments or their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            known = [(process / name).read_bytes() for name in ("cmdline", "environ")]
        except OSError:
            continue  # it has ended meanwhile, or is not ours
        if any(str(folder).encode() in text for text in known):
            found.append(known[0].replace(b"\0", b" ").decode(errors="replace"))
    return found

"""The command itself: three minutes in which everything breaks once, on a real Kafka of three brokers."""

import os
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
LIMIT_S = 600
SEED = 4


@pytest.fixture(scope="module")
def verdict() -> dict[str, Any]:
    """What the command says; what it told meanwhile stands in the test's output where that fails."""
    command = [sys.executable, "-c", "from streams.cli import main; main()"]
    words = ["chaos", "--minutes", "3", "--workers", "3", "--seed", str(SEED), "--json"]
    done = subprocess.run(
        [*command, *words], cwd=ROOT, env=os.environ, stdout=subprocess.PIPE, timeout=LIMIT_S, check=False
    )
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
    assert {"0", "137"} <= verdict["exit_codes"].keys()
    assert all(part["attempted"] > 0 for part in verdict["nemeses"].values())
    assert all(part["recoveries"] > 0 for part in verdict["nemeses"].values())

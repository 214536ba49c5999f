"""Three workers under faults of every kind, a thousand times, and every plausible mistake of the shell.

A seed that fails is printed with the command that runs it alone, to the same failure.
"""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.simulation.mistakes import MISTAKES

ROOT = Path(__file__).parents[2]
SEEDS, AT_ONCE, PIECES = 1_000, 2, 10
LIMIT_S = 590
MOST_RUNS = 150
"""How often a mistake may stay without consequences before we say that the simulation does not see it."""
SELDOM = {"transaction tried again": 60, "breaker never closes": 70, "store told before the commit": 90}
"""Mistakes that have consequences once in a hundred runs: the seed near which one was seen, to begin there."""


def test_nothing_is_lost_sent_twice_or_stuck_whatever_goes_wrong():
    runs = SEEDS // PIECES

    with ThreadPoolExecutor(AT_ONCE) as pool:
        done = list(pool.map(lambda piece: simulated("--seed", piece * runs, "--runs", runs), range(PIECES)))

    failed = [said for code, said in done if code != 0]
    assert not failed, "\n".join(failed)
    assert sum(said.count(f"{runs} runs, 0 with violations") for _, said in done) == PIECES


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_noticed(mistake):
    first = SELDOM.get(mistake, 0)

    code, said = simulated("--mistake", mistake, "--seed", first, "--runs", MOST_RUNS, "--until-noticed")

    assert code == 1, said
    assert "again, alone: python -m tests.simulation --seed" in said


def test_a_seed_alone_goes_as_it_went_among_others():
    _, among_others = simulated("--seed", 20, "--runs", 6, "--digest")

    alone = [simulated("--seed", seed, "--digest")[1] for seed in (22, 25)]

    assert all(digest_of(said) in among_others for said in alone), (among_others, alone)


def test_a_failing_seed_fails_alone_in_the_same_way():
    mistake = "offsets before acknowledgements"
    _, among_others = simulated("--mistake", mistake, "--runs", MOST_RUNS, "--until-noticed", "--digest")
    seed = among_others.rpartition("--seed ")[2].split()[0]

    code, alone = simulated("--mistake", mistake, "--seed", seed, "--digest")

    said = [line for line in alone.splitlines() if line.startswith(f"seed {seed}:")]
    assert code == 1
    assert said == [line for line in among_others.splitlines() if line.startswith(f"seed {seed}:")]


def simulated(*arguments: object) -> tuple[int, str]:
    """The exit code of `python -m tests.simulation`, and what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.simulation", *map(str, arguments)],
        cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False,
        env={**os.environ, "PYTHONHASHSEED": "0"},
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr[-4_000:]


def digest_of(said: str) -> str:
    """The line that holds it."""
    return next(line for line in said.splitlines() if "digest" in line)

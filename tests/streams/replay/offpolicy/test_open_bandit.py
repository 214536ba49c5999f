"""The estimators against obp's on the Open Bandit Data: its figures were made once, by make_obp_figures.py."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streams.replay.offpolicy.estimators import ESTIMATORS, switch_doubly_robust
from streams.replay.offpolicy.feedback import Feedback, feedback, with_model
from tests.streams.replay.offpolicy import open_bandit

FIGURES = json.loads(Path(__file__).with_name("obp_figures.json").read_bytes())
WITHIN = 1e-9


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        return open_bandit.download(tmp_path_factory.mktemp("obp"))
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        if os.environ.get("CI"):
            raise
        return pytest.skip(f"NOT RUN: pip did not get obp {open_bandit.OBP} from PyPI: {error}")


@pytest.mark.parametrize("policy", open_bandit.POLICIES)
@pytest.mark.parametrize("campaign", open_bandit.CAMPAIGNS)
def test_every_estimator_says_what_obp_says(wheel: Path, policy: str, campaign: str) -> None:
    log, chances = open_bandit.rounds(wheel, policy, campaign), np.array(FIGURES["bts"][campaign])
    assert len(log.action) == 10_000

    for name, target in judged(log, chances).items():
        found = values(of(log, target, open_bandit.expected(log, len(chances))))
        assert found == pytest.approx(FIGURES["values"][f"{policy}/{campaign}/{name}"], abs=WITHIN, rel=0)


def judged(log: open_bandit.Rounds, chances: Any) -> dict[str, Any]:
    uniform = np.full_like(chances, 1 / len(chances))
    return {
        "bts": open_bandit.same_for_all(log, chances),
        "uniform": open_bandit.same_for_all(log, uniform),
        "kind": open_bandit.by_kind(log, chances),
    }


def of(log: open_bandit.Rounds, target: Any, model: Any) -> Feedback:
    """The feedback of a slate: each row is about its position alone."""
    rows = np.arange(len(log.action))
    plain = feedback(log.reward, log.propensity, target[rows, log.action, log.position])
    everywhere = (target * model).sum(axis=1)[rows, log.position]
    return with_model(plain, model[rows, log.action, log.position], everywhere)


def values(log: Feedback) -> dict[str, float]:
    found = {name: made(log).value for name, made in ESTIMATORS.items() if name != "switch_dr"}
    return found | {f"switch_dr@{tau:g}": switch_doubly_robust(log, tau).value for tau in FIGURES["taus"]}

"""What obp's own estimators say of its data: writes obp_figures.json beside this file. To be run in an old environment.

    python3.11 -m venv obp && . obp/bin/activate
    pip install numpy==1.23.5 pandas==1.5.3 scikit-learn==1.2.2 scipy==1.10.1 matplotlib==3.7.5 seaborn==0.12.2 pyyaml tqdm torch
    pip install --no-deps obp==0.4.1 && pip download --no-deps obp==0.4.1
    python tests/streams/replay/offpolicy/make_obp_figures.py obp-0.4.1-py3-none-any.whl
"""  # fmt: skip  # noqa: E501  commands to copy

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
TAUS = (0.5, 2.0, 10.0)
SIMULATIONS = 20_000


def main(wheel: Path) -> None:
    """Every campaign and logging policy, under every policy that is to be judged."""
    sys.path.insert(0, str(HERE))
    from open_bandit import CAMPAIGNS, POLICIES  # noqa: PLC0415  beside this file, in an environment without ours

    found: dict[str, Any] = {"obp": _version(), "taus": TAUS, "bts": {}, "values": {}}
    for campaign in CAMPAIGNS:
        found["bts"][campaign] = _thompson(campaign).tolist()
        for policy in POLICIES:
            found["values"] |= _values(wheel, policy, campaign, np.array(found["bts"][campaign]))
    (HERE / "obp_figures.json").write_text(json.dumps(found, indent=1) + "\n")


def _version() -> str:
    import obp  # noqa: PLC0415  not in our environment

    return str(obp.__version__)


def _thompson(campaign: str) -> Any:
    """The chances of Bernoulli Thompson sampling with ZOZOTOWN's prior, by obp: shape (actions, positions)."""
    from obp.policy import BernoulliTS  # noqa: PLC0415  not in our environment

    actions = {"all": 80, "men": 34, "women": 46}[campaign]
    policy = BernoulliTS(n_actions=actions, len_list=3, is_zozotown_prior=True, campaign=campaign, random_state=1)
    return policy.compute_batch_action_dist(n_rounds=1, n_sim=SIMULATIONS)[0]


def _values(wheel: Path, policy: str, campaign: str, chances: Any) -> dict[str, dict[str, float]]:
    from open_bandit import by_kind, expected, rounds, same_for_all  # noqa: PLC0415  see main

    log = rounds(wheel, policy, campaign)
    _check(log, policy, campaign)
    model = expected(log, len(chances))
    uniform = np.full_like(chances, 1 / len(chances))
    judged = {"bts": same_for_all(log, chances), "uniform": same_for_all(log, uniform), "kind": by_kind(log, chances)}
    return {f"{policy}/{campaign}/{name}": _by_obp(log, target, model) for name, target in judged.items()}


def _check(log: Any, policy: str, campaign: str) -> None:
    """What is read without obp is what obp reads, but for 1e-15: pandas reads numbers less exactly."""
    from obp.dataset import OpenBanditDataset  # noqa: PLC0415  not in our environment

    theirs = OpenBanditDataset(policy, campaign).obtain_batch_bandit_feedback()
    ours = {"action": log.action, "position": log.position, "reward": log.reward, "pscore": log.propensity}
    rows, wanted = (np.array(sorted(zip(*side, strict=True))) for side in (ours.values(), map(theirs.get, ours)))
    assert np.allclose(rows, wanted, rtol=0, atol=1e-15), (policy, campaign)


def _by_obp(log: Any, target: Any, model: Any) -> dict[str, float]:
    from obp import ope  # noqa: PLC0415  not in our environment

    acts = {"action": log.action, "position": log.position, "action_dist": np.ascontiguousarray(target)}
    seen = {"reward": log.reward, "pscore": log.propensity, **acts}
    model = {"estimated_rewards_by_reg_model": model}
    found = {
        "ips": ope.InverseProbabilityWeighting().estimate_policy_value(**seen),
        "snips": ope.SelfNormalizedInverseProbabilityWeighting().estimate_policy_value(**seen),
        "dm": ope.DirectMethod().estimate_policy_value(position=log.position, action_dist=acts["action_dist"], **model),
        "dr": ope.DoublyRobust().estimate_policy_value(**seen, **model),
    }
    for tau in TAUS:
        found[f"switch_dr@{tau:g}"] = ope.SwitchDoublyRobust(tau=tau).estimate_policy_value(**seen, **model)
    return {name: float(value) for name, value in found.items()}


if __name__ == "__main__":
    main(Path(sys.argv[1]))

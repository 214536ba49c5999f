"""The Open Bandit Data that the obp wheel carries, read without obp: what is logged, and two policies to judge.

Saito, Aihara, Matsutani, Narita, "Open Bandit Dataset and Pipeline", NeurIPS 2021. CC BY 4.0; the wheel, Apache 2.0.
"""

import csv
import hashlib
import io
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

OBP = "0.4.1"
"""The last release of obp that is a wheel; later ones carry the same data."""
SHA256 = "87dec9caf4283c25ab13036532e0a24566f1c7bdcad1653a8ded43b2f5ef8208"
CAMPAIGNS = ("all", "men", "women")
POLICIES = ("random", "bts")
POSITIONS = 3
PRIOR = 10.0
"""As many rows of the mean are added to those of an act at a position."""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Rounds(NamedTuple):
    """What was logged, in the order of the file. All of shape (n,); `kind` is the visitor's first feature, from 0."""

    action: Ints
    position: Ints
    reward: Floats
    propensity: Floats
    kind: Ints


def download(folder: Path) -> Path:
    """The wheel from PyPI, the very one. Raises `CalledProcessError` where pip does not get it."""
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:"]
    subprocess.run([*pip, f"obp=={OBP}", "-d", str(folder)], check=True, timeout=120, capture_output=True, text=True)
    wheel = folder / f"obp-{OBP}-py3-none-any.whl"
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if found != SHA256:
        raise ValueError(f"expected {wheel.name} with sha256 {SHA256}, got {found}; PyPI has changed it")
    return wheel


def rounds(wheel: Path, policy: str, campaign: str) -> Rounds:
    """What a policy did in a campaign, 10,000 rounds."""
    with zipfile.ZipFile(wheel) as files, files.open(f"obp/dataset/obd/{policy}/{campaign}/{campaign}.csv") as file:
        rows = list(csv.DictReader(io.TextIOWrapper(file)))
    kinds = sorted({row["user_feature_0"] for row in rows})
    return Rounds(
        action=np.array([int(row["item_id"]) for row in rows]),
        position=np.array([int(row["position"]) - 1 for row in rows]),
        reward=np.array([float(row["click"]) for row in rows]),
        propensity=np.array([float(row["propensity_score"]) for row in rows]),
        kind=np.array([kinds.index(row["user_feature_0"]) for row in rows]),
    )


def same_for_all(log: Rounds, chances: Floats) -> Floats:
    """The chances, shape (actions, positions), for every round: shape (n, actions, positions)."""
    return np.broadcast_to(chances, (len(log.action), *chances.shape))


def by_kind(log: Rounds, chances: Floats) -> Floats:
    """A policy that looks at the visitor: to each kind, other actions have the chances of the first kind."""
    return np.stack([np.roll(chances, kind, axis=0) for kind in log.kind])


def expected(log: Rounds, actions: int) -> Floats:
    """A model that anybody can build again: what an action earned at a position, smoothed, by how the kind clicks.

    Shape (n, actions, positions).
    """
    mean = log.reward.mean()
    shown, clicked = np.full((actions, POSITIONS), PRIOR), np.full((actions, POSITIONS), PRIOR * mean)
    np.add.at(shown, (log.action, log.position), 1.0)
    np.add.at(clicked, (log.action, log.position), log.reward)
    of_kind = np.array([log.reward[log.kind == kind].mean() for kind in range(log.kind.max() + 1)]) / mean
    return (clicked / shown)[None] * of_kind[log.kind, None, None]

"""What a row's reward is expected to be under each act: least squares, never fitted on the row's own shopper."""

from typing import Final

import numpy as np
import numpy.typing as npt

from streams.replay.offpolicy.feedback import Floats, Ints

FOLDS: Final = 5
RIDGE: Final = 1e-3
"""Of standardised features: enough for columns that repeat each other, too little to matter else."""


def expectations(features: Floats, act: Ints, reward: Floats, cluster: Ints, acts: int) -> Floats:
    """The expected reward of each row under each act, shape (n, acts), in the unit of the reward.

    `features` has shape (n, d); `act` is the act that was done, below `acts`. One linear model for each act, fitted on
    the rows with that act in the other folds (Chernozhukov et al. 2018, cross-fitting): what is expected of a row knows
    nothing of its shopper. An act that was never done elsewhere is expected to give the mean of all others.
    """
    design = np.column_stack([np.ones(len(reward)), _standard(features)])
    fold = cluster % FOLDS
    found = np.empty((len(reward), acts))
    for held in range(FOLDS):
        own, others = fold == held, fold != held
        for which in range(acts):
            found[own, which] = design[own] @ _fitted(design, reward, others & (act == which), others)
    return found


def _fitted(design: Floats, reward: Floats, rows: npt.NDArray[np.bool_], else_: npt.NDArray[np.bool_]) -> Floats:
    """The coefficients of a ridge regression, the first that of the constant, which is not held down."""
    if not rows.any():
        constant = np.zeros(design.shape[1])
        constant[0] = reward[else_].mean() if else_.any() else 0.0
        return constant
    x, y = design[rows], reward[rows]
    penalty = RIDGE * len(y) * np.eye(x.shape[1])
    penalty[0, 0] = 0.0
    solved: Floats = np.linalg.solve(x.T @ x + penalty, x.T @ y)
    return solved


def _standard(features: Floats) -> Floats:
    spread = features.std(axis=0)
    scaled: Floats = (features - features.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return scaled

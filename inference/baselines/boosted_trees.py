"""Histogram gradient boosting as published for the carts: one model for each `k`."""

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingClassifier


def boosted_trees(
    rows: npt.NDArray[np.float64], bought: npt.NDArray[np.bool_], asked: npt.NDArray[np.float64], seed: int
) -> npt.NDArray[np.float64]:
    """The probability for each row of `asked`, from trees that learned from `rows`."""
    trees = HistGradientBoostingClassifier(max_iter=100, learning_rate=0.05, max_leaf_nodes=15, random_state=seed)
    answer: npt.NDArray[np.float64] = trees.fit(rows, bought).predict_proba(asked)[:, 1]
    return answer

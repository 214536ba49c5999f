"""Logged bandit feedback: what was done, with which probability, what came of it, and what another policy would do."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Feedback(NamedTuple):
    """One row for each of n logged acts; every array has shape (n,).

    `reward` is in any unit; estimates are in the same, per row. `propensity`, above 0, is the probability with which
    the logged policy did what it did; `target` is that with which the other policy would have done the same. `expected`
    is what a model expects of the act that was done, `expected_target` what it expects where the other policy acts, in
    the mean over its acts. Both are 0 where there is no model. `cluster` numbers what is drawn together, such as the
    rows of one shopper, from 0 and without gaps: only clusters are independent of each other.
    """

    reward: Floats
    propensity: Floats
    target: Floats
    expected: Floats
    expected_target: Floats
    cluster: Ints

    @property
    def weight(self) -> Floats:
        """The importance weight of each row."""
        weights: Floats = self.target / self.propensity
        return weights


def feedback(reward: Floats, propensity: Floats, target: Floats, cluster: Ints | None = None) -> Feedback:
    """Feedback without a model; `cluster` may be numbered in any way.

    Raises `ValueError` where a number cannot be what it is said to be.

    >>> feedback(np.ones(2), np.array([0.5, 0.25]), np.array([1.0, 0.0])).weight
    array([2., 0.])
    """
    nothing = np.zeros(len(reward))
    rows = np.arange(len(reward)) if cluster is None else np.unique(cluster, return_inverse=True)[1]
    made = Feedback(reward, propensity, target, nothing, nothing, rows)
    _check(made)
    return made


def with_model(plain: Feedback, expected: Floats, expected_target: Floats) -> Feedback:
    """The same with what a model expects. Raises `ValueError` where that is not one finite number for each row."""
    made = plain._replace(expected=expected, expected_target=expected_target)
    _check(made)
    return made


def _check(made: Feedback) -> None:
    n = len(made.reward)
    for name, column in zip(made._fields, made, strict=True):
        if column.shape != (n,):
            raise ValueError(f"expected {name} of shape ({n},), as reward has, got {column.shape}; give a number a row")
        if not np.isfinite(column).all():
            row = int(np.flatnonzero(~np.isfinite(column))[0])
            raise ValueError(f"expected a finite {name}, got {column[row]} in row {row}; leave such rows out")
    if n == 0:
        raise ValueError("expected at least one row, got none; nothing was logged that can be estimated from")
    _check_range("propensity", made.propensity, made.propensity > 0)
    _check_range("target", made.target, made.target >= 0)


def _check_range(name: str, column: Floats, enough: npt.NDArray[np.bool_]) -> None:
    wrong = np.flatnonzero(~(enough & (column <= 1)))
    if wrong.size:
        row = int(wrong[0])
        least = "above 0" if name == "propensity" else "at least 0"
        raise ValueError(
            f"expected a {name} {least} and at most 1, got {column[row]} in row {row}; it is a probability"
        )

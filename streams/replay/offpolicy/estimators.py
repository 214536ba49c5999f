"""The value of another policy from logged feedback: five estimators, each a ratio of two sums over the rows.

Throughout, w = target / propensity is a row's weight, r its reward, q what a model expects of the act that was done, v
what it expects where the other policy acts. All need the propensities to be those with which acts were really drawn.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np

from streams.replay.offpolicy.feedback import Feedback, Floats

SWITCH_ABOVE: Final = 10.0
"""Above this weight `switch_doubly_robust` trusts the model alone: there one row would count for ten."""


class Terms(NamedTuple):
    """An estimate before it is added up: `value` is the sum of one over the sum of the other. Both of shape (n,)."""

    numerator: Floats
    denominator: Floats

    @property
    def value(self) -> float:
        """The estimate, in the unit of the reward, per row; NaN where the denominator adds up to 0."""
        below = self.denominator.sum()
        return float(self.numerator.sum() / below) if below else float("nan")


def logged(log: Feedback) -> Terms:
    """What the logged policy itself earned: the mean of r. No model, no weights."""
    return _mean(log.reward)


def ips(log: Feedback) -> Terms:
    """Inverse propensity score: the mean of w r. Unbiased; its variance grows with the weights.

    Horvitz and Thompson, "A generalization of sampling without replacement from a finite universe", JASA 47 (1952).
    """
    return _mean(log.weight * log.reward)


def snips(log: Feedback) -> Terms:
    """Self-normalised: the sum of w r over the sum of w. Biased by O(1/n), bounded by the rewards that were seen.

    Swaminathan and Joachims, "The self-normalized estimator for counterfactual learning", NeurIPS 2015. NaN where the
    other policy would have done nothing of what was done.
    """
    return Terms(log.weight * log.reward, log.weight)


def direct(log: Feedback) -> Terms:
    """Direct method: the mean of v. As right as the model, whose error nobody knows: it has no interval.

    Dudik, Langford and Li, "Doubly robust policy evaluation and learning", ICML 2011, section 2.
    """
    return _mean(log.expected_target)


def doubly_robust(log: Feedback) -> Terms:
    """The mean of v + w (r - q): unbiased whatever the model, and the better the model, the smaller its variance.

    Dudik, Langford and Li, "Doubly robust policy evaluation and learning", ICML 2011, equation 2.
    """
    return _mean(log.expected_target + log.weight * (log.reward - log.expected))


def switch_doubly_robust(log: Feedback, switch_above: float = SWITCH_ABOVE) -> Terms:
    """Doubly robust up to the weight `switch_above`, the direct method beyond: the mean of v + w (r - q) [w <= tau].

    Wang, Agarwal and Dudik, "Optimal and adaptive off-policy evaluation in contextual bandits", ICML 2017, section 4,
    with doubly robust in place of inverse propensities. Biased by what the model gets wrong beyond tau.
    """
    trusted = log.weight <= switch_above
    return _mean(log.expected_target + np.where(trusted, log.weight * (log.reward - log.expected), 0.0))


ESTIMATORS: Final[dict[str, Callable[[Feedback], Terms]]] = {
    "ips": ips,
    "snips": snips,
    "dm": direct,
    "dr": doubly_robust,
    "switch_dr": switch_doubly_robust,
}
"""By the names that the field has for them."""


def _mean(of_rows: Floats) -> Terms:
    return Terms(of_rows, np.ones_like(of_rows))

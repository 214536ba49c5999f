"""How much of the log speaks of the other policy at all."""

from typing import Final

import msgspec
import numpy as np

from streams.replay.offpolicy.feedback import Feedback

LEAST_EFFECTIVE: Final = 100.0
"""Fewer rows in effect say nothing: one row then weighs a tenth or more, and the normal interval is wrong."""
MOST_OFF: Final = 4.0
"""The mean weight is 1 in expectation. So many standard errors away, the propensities are not those of the draws."""


class Overlap(msgspec.Struct, frozen=True, kw_only=True):
    """What the weights w look like.

    `effective` is the effective sample size, (sum of w)^2 / (sum of w^2) (Kong 1992): so many rows of the other policy
    itself would say as much. `largest_share` is that of one row in all the weight. `mean_weight_error` is the standard
    error of the mean weight. `thin` says that nothing can be said, `warnings` why, and of what else to beware.
    """

    rows: int
    clusters: int
    effective: float
    mean_weight: float
    mean_weight_error: float
    largest_share: float
    thin: bool
    warnings: tuple[str, ...]


def overlap(log: Feedback) -> Overlap:
    """The overlap of the two policies on these rows."""
    weight, rows = log.weight, len(log.reward)
    total, squares = float(weight.sum()), float(np.square(weight).sum())
    effective = total**2 / squares if squares else 0.0
    of_clusters = np.bincount(log.cluster, weight - total / rows)
    clusters = len(np.unique(log.cluster))
    error = float(np.sqrt(np.square(of_clusters).sum())) / rows
    thin = effective < LEAST_EFFECTIVE
    return Overlap(
        rows=rows,
        clusters=clusters,
        effective=effective,
        mean_weight=total / rows,
        mean_weight_error=error,
        largest_share=float(weight.max()) / total if total else 0.0,
        thin=thin,
        warnings=tuple(_warnings(rows, effective, total / rows, error)),
    )


def _warnings(rows: int, effective: float, mean: float, error: float) -> list[str]:
    found = []
    if effective < LEAST_EFFECTIVE:
        found.append(
            f"the overlap is too thin to say anything: {rows:,} rows count as {effective:,.1f}, at least "
            f"{LEAST_EFFECTIVE:,.0f} are wanted; log longer, or with a policy that explores more"
        )
    if abs(mean - 1) > MOST_OFF * error + 1e-9:
        found.append(
            f"the weights average {mean:.3f} where 1 is expected ({error:.3f} standard error): the logged policy never "
            "does some of what the other one would, or its propensities are wrong; the estimates are biased"
        )
    return found

"""P@20 and MRR@20 over rankings."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from inference.bench.next_item.links import Matrix
from inference.bench.next_item.sessions import Ids

CUT: Final = 20
NOWHERE: Final = 1_000_000
"""The rank of an item that was not ranked."""


def p_and_mrr(ranks: Ids) -> tuple[float, float]:
    """P@20 and MRR@20 in percent, from the ranks of the targets, 0 for the first.

    >>> p_and_mrr(np.array([0, 3, NOWHERE, 20]))
    (50.0, 31.25)
    """
    found = ranks < CUT
    return float(100 * found.mean()), float(100 * (found / (ranks + 1)).mean())


def ranks_of(targets: Ids, prefix: Ids, item: Ids, score: npt.NDArray[Any]) -> Ids:
    """The rank of each prefix's target among its scored items; equal scores rank after it by their place.

    `prefix`, `item` and `score` have one entry for each scored item, the prefixes in order.
    """
    order = np.lexsort((-score, prefix))
    starts = np.searchsorted(prefix, np.arange(len(targets)))
    hit = np.flatnonzero(item[order] == targets[prefix[order]])
    ranks = np.full(len(targets), NOWHERE)
    ranks[prefix[order][hit]] = hit - starts[prefix[order][hit]]
    return ranks


def sparse_ranks(targets: Ids, scores: Matrix) -> Ids:
    """The rank of each target in its row of sparse scores; one without a score is ranked nowhere.

    >>> from scipy import sparse
    >>> sparse_ranks(np.array([2, 0]), sparse.csr_array([[0.5, 0, 0.3], [0, 0.1, 0]])).tolist() == [1, NOWHERE]
    True
    """
    prefix = np.repeat(np.arange(scores.shape[0]), np.diff(scores.indptr))
    return ranks_of(targets, prefix, scores.indices, scores.data)

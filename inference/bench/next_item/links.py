"""How strongly one item leads to another, as sparse matrices counted from sessions."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import sparse

from inference.bench.next_item.sessions import Ids, Sessions

Matrix = Any
"""A `scipy.sparse.csr_array` of float32, which scipy has no types for."""

_REACH: Final = 10
"""How many clicks apart two items may be."""


def rules(sessions: Sessions, items: int, weight: npt.NDArray[np.float32], reach: int = _REACH) -> Matrix:
    """Sequential rules: for each item, the share of what came after it, each click apart counting less.

    Shape (items, items). `weight`: how much each session counts.
    """
    return shares(_following(sessions, items, weight, reach))


def companions(sessions: Sessions, items: int, weight: npt.NDArray[np.float32]) -> Matrix:
    """For each item, the share of what came near it, before or after."""
    after = _following(sessions, items, weight, _REACH)
    return shares(sparse.csr_array(after + after.T))


def shares(matrix: Matrix) -> Matrix:
    """The matrix with each row divided by its sum; an empty row stays empty."""
    sums = np.asarray(matrix.sum(axis=1)).ravel()
    return sparse.csr_array(sparse.diags_array(1 / np.maximum(sums, 1e-12)) @ matrix).astype(np.float32)


def strongest(matrix: Matrix, count: int) -> Matrix:
    """The matrix with at most the `count` highest entries of each row."""
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    order = np.lexsort((-matrix.data, rows))
    rank = np.arange(len(order)) - matrix.indptr[rows]  # rows are in order already
    kept = order[rank < count]
    return sparse.csr_array((matrix.data[kept], (rows[kept], matrix.indices[kept])), shape=matrix.shape)


def _following(sessions: Sessions, items: int, weight: npt.NDArray[np.float32], reach: int) -> Matrix:
    owner = sessions.owner
    pairs: list[tuple[Ids, Ids, npt.NDArray[np.float32]]] = []
    for apart in range(1, reach + 1):
        same = owner[:-apart] == owner[apart:]
        strength = weight[owner[apart:][same]] / np.float32(apart)
        pairs.append((sessions.items[:-apart][same], sessions.items[apart:][same], strength))
    first, second, strength = map(np.concatenate, zip(*pairs, strict=True))
    return sparse.csr_array((strength, (first, second)), shape=(items, items))

"""Prefixes as sparse rows: which items, and how much each click still counts."""

import numpy as np
import numpy.typing as npt
from scipy import sparse

from inference.bench.next_item.links import Matrix
from inference.bench.next_item.sessions import Ids, Sessions


def since(prefixes: Sessions) -> Ids:
    """For each click, how many came after it in its prefix."""
    clicks: Ids = prefixes.starts[prefixes.owner + 1] - 1 - np.arange(len(prefixes.items))
    return clicks


def weighted(prefixes: Sessions, items: int, weight: npt.NDArray[np.float64]) -> Matrix:
    """Shape (prefixes, items): the sum of the weights of the clicks on each item. Weights of nothing are left out."""
    kept = weight > 0
    return sparse.csr_array(
        (weight[kept].astype(np.float32), (prefixes.owner[kept], prefixes.items[kept])), shape=(prefixes.size, items)
    )


def newest(prefixes: Sessions, items: int) -> Matrix:
    """One for the last click."""
    return weighted(prefixes, items, (since(prefixes) == 0).astype(np.float64))


def fading(prefixes: Sessions, items: int, factor: float) -> Matrix:
    """Each click counts `factor` times the one after it."""
    return weighted(prefixes, items, factor ** since(prefixes))


def receding(prefixes: Sessions, items: int) -> Matrix:
    """The last click counts one, the one before a half, then a third, and so on."""
    return weighted(prefixes, items, 1 / (1 + since(prefixes)))

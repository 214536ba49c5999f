"""V-SKNN: the sessions most like this one, and what was in them.

Ludewig and Jannach, Evaluation of session-based recommendation algorithms, UMUAI 2018. Late clicks and rare items
count more in telling what is alike.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import sparse

from inference.bench.next_item.links import Matrix, strongest
from inference.bench.next_item.prefixes import receding
from inference.bench.next_item.sessions import Ids, Sessions

_SAMPLED: Final = 1_000
"""How many of the newest sessions with an item are looked at."""
_KEPT: Final = 500
"""How many of the sessions most alike vote."""


class SessionNeighbours:
    """The sessions of the past, by item and by number."""

    def __init__(self, sessions: Sessions, items: int) -> None:
        self._items = items
        owner, item = _distinct(sessions, items)
        newest = np.lexsort((-owner, item))
        starts = np.append(0, np.cumsum(np.bincount(item, minlength=items)))
        sampled = newest[np.arange(len(newest)) - starts[item[newest]] < _SAMPLED]
        self._sessions_of = _ones(item[sampled], owner[sampled], (items, sessions.size))
        self._items_of = _ones(owner, item, (sessions.size, items))
        self._length = sessions.lengths.astype(np.float32)
        self._rarity = np.log(sessions.size / np.maximum(np.diff(starts), 1)).astype(np.float32)

    def alike(self, prefixes: Matrix) -> Matrix:
        """How alike past sessions are, shape (prefixes, sessions), from the weight of each item in each prefix.

        Squared, so that two items in common count more than twice one.
        """
        rare = sparse.csr_array((prefixes.data * self._rarity[prefixes.indices], prefixes.indices, prefixes.indptr))
        rare.resize(prefixes.shape)
        alike = sparse.csr_array(rare @ self._sessions_of)
        alike.data = alike.data**2 / self._length[alike.indices]
        return strongest(alike, _KEPT)

    def scores(self, prefixes: Sessions) -> Matrix:
        """The score of each item for each prefix, as V-SKNN ranks them."""
        return self.votes(self.alike(receding(prefixes, self._items)))

    def votes(self, alike: Matrix) -> Matrix:
        """The sum of how alike the sessions are that an item is in, shape (prefixes, items)."""
        return sparse.csr_array(alike @ self._items_of)


def _distinct(sessions: Sessions, items: int) -> tuple[Ids, Ids]:
    """The sessions and items of all clicks, each pair once."""
    pairs = np.unique(sessions.owner * items + sessions.items)
    return pairs // items, pairs % items


def _ones(rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64], shape: tuple[int, int]) -> Matrix:
    return sparse.csr_array((np.ones(len(rows), np.float32), (rows, columns)), shape=shape)

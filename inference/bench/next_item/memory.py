"""What past sessions tell about the next item, in several ways that a ranker weighs."""

from typing import Final

import numpy as np
from scipy import sparse

from inference.baselines.session_neighbours import SessionNeighbours
from inference.bench.next_item.links import Matrix, companions, rules, shares, strongest
from inference.bench.next_item.prefixes import fading, newest, receding
from inference.bench.next_item.sessions import Sessions

_FADE: Final = 0.75
_SHORT: Final = 0.2
"""After this share of the log, a session counts a third in what is of late."""
_LATE: Final = 0.05
"""The share of the log whose clicks make an item popular of late."""


class Memory:
    """The past, counted once. `scores` answers in the order of `BLEND`."""

    def __init__(self, sessions: Sessions, items: int) -> None:
        self.items = items
        age = 1 - np.arange(sessions.size) / sessions.size
        of_late, alike = np.exp(-age / _SHORT).astype(np.float32), np.ones(sessions.size, np.float32)
        self._of_late = of_late
        self._rules = rules(sessions, items, alike)
        self._next = rules(sessions, items, alike, reach=1)
        self._companions = companions(sessions, items, alike)
        self._late_rules = rules(sessions, items, of_late)
        self._late_companions = companions(sessions, items, of_late)
        near = strongest(self._companions, 30)
        self._walks = strongest(shares(sparse.csr_array(near @ near)), 60)
        self._neighbours = SessionNeighbours(sessions, items)
        self.popularity = np.log1p(np.bincount(sessions.items, minlength=items)).astype(np.float32)
        late = sessions.part(int(sessions.size * (1 - _LATE)), sessions.size)
        self.late_popularity = np.log1p(np.bincount(late.items, minlength=items)).astype(np.float32)

    def scores(self, prefixes: Sessions) -> list[Matrix]:
        """Sparse scores of the items, each of shape (prefixes, items)."""
        last, fade = newest(prefixes, self.items), fading(prefixes, self.items, _FADE)
        alike = self._neighbours.alike(receding(prefixes, self.items))
        late = sparse.csr_array((alike.data * self._of_late[alike.indices], alike.indices, alike.indptr), alike.shape)
        found = [
            last @ self._rules,
            last @ self._next,
            last @ self._companions,
            fade @ self._rules,
            fade @ self._companions,
            last @ self._late_rules,
            fade @ self._late_rules,
            fade @ self._late_companions,
            last @ self._walks,
            self._neighbours.votes(alike),
            self._neighbours.votes(late),
            fading(prefixes, self.items, 0.9),
        ]
        return [_in_order(matrix) for matrix in found]


BLEND: Final = (0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.5, 1.0, 0.0, 0.3)
"""How much each of `Memory.scores` counts, relative to its best item, in which items the ranker gets to see."""


def _in_order(matrix: Matrix) -> Matrix:
    rows = sparse.csr_array(matrix)
    rows.sort_indices()  # looking entries up is a search in each row
    return rows

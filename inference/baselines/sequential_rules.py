"""What came after the last item in past sessions, each click apart counting less (Ludewig and Jannach, UMUAI 2018)."""

import numpy as np
from scipy import sparse

from inference.bench.next_item.links import Matrix, rules
from inference.bench.next_item.prefixes import newest
from inference.bench.next_item.sessions import Sessions


class SequentialRules:
    """The rules of past sessions."""

    def __init__(self, sessions: Sessions, items: int) -> None:
        self._items = items
        self._rules = rules(sessions, items, np.ones(sessions.size, np.float32))

    def scores(self, prefixes: Sessions) -> Matrix:
        """The score of each item for each prefix, shape (prefixes, items)."""
        return sparse.csr_array(newest(prefixes, self._items) @ self._rules)

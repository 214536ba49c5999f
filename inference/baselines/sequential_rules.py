"""What came after the items of this session in past ones, each click apart counting less.

Sequential rules as in Ludewig and Jannach, UMUAI 2018, but asked of all items, of which the later ones count more.
"""

from typing import Final

import numpy as np
from scipy import sparse

from inference.bench.next_item.links import Matrix, rules
from inference.bench.next_item.prefixes import fading
from inference.bench.next_item.sessions import Sessions

_FADE: Final = 0.75


class SequentialRules:
    """The rules of past sessions."""

    def __init__(self, sessions: Sessions, items: int) -> None:
        self._items = items
        self._rules = rules(sessions, items, np.ones(sessions.size, np.float32))

    def scores(self, prefixes: Sessions) -> Matrix:
        """The score of each item for each prefix, shape (prefixes, items)."""
        return sparse.csr_array(fading(prefixes, self._items, _FADE) @ self._rules)

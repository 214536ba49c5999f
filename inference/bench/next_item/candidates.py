"""The few items that may come next, and what is known of each."""

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse

from inference.bench.next_item.links import Matrix, strongest
from inference.bench.next_item.memory import BLEND, Memory
from inference.bench.next_item.prefixes import since, weighted
from inference.bench.next_item.sessions import Ids, Sessions

PER_PREFIX: Final = 80
_NEVER: Final = 30.0

Numbers = npt.NDArray[np.floating[Any]]


class Candidates(NamedTuple):
    """Items for prefixes, prefix after prefix, the most promising first: rows and columns, and what a ranker sees."""

    prefix: Ids
    item: Ids
    features: Numbers


def candidates(memory: Memory, prefixes: Sessions) -> Candidates:
    """At most `PER_PREFIX` items for each prefix; all have some evidence."""
    scores = memory.scores(prefixes)
    chosen, strength = _chosen(scores)
    columns: list[Numbers] = [strength, chosen[2].astype(np.float32)]
    for matrix in scores:
        value = _at(matrix, chosen[0], chosen[1])
        columns += [np.log(value + 1e-6), value / _best(matrix)[chosen[0]]]
    columns += _of_the_item(memory, prefixes, chosen[0], chosen[1])
    return Candidates(chosen[0], chosen[1], np.column_stack(columns).astype(np.float32))


def _chosen(scores: list[Matrix]) -> tuple[tuple[Ids, Ids, Ids], Numbers]:
    """The prefix, item and place of each candidate, and its share in the blend, best first."""
    blend = sum(
        sparse.diags_array(weight / _best(matrix)) @ matrix
        for weight, matrix in zip(BLEND, scores, strict=True)
        if weight
    )
    top = strongest(sparse.csr_array(blend), PER_PREFIX)
    prefix = np.repeat(np.arange(top.shape[0]), np.diff(top.indptr))
    order = np.lexsort((-top.data, prefix))
    place = np.arange(len(order)) - top.indptr[prefix]
    return (prefix, top.indices[order].astype(np.int64), place), top.data[order]


def _of_the_item(memory: Memory, prefixes: Sessions, prefix: Ids, item: Ids) -> list[Numbers]:
    """How popular it is, where it stands in the prefix, and what kind of prefix that is."""
    last = prefixes.items[prefixes.starts[1:] - 1]
    times = weighted(prefixes, memory.items, np.ones(len(prefixes.items)))
    clicks_ago = _at(_clicks_ago(prefixes, memory.items), prefix, item)
    return [
        memory.popularity[item],
        memory.late_popularity[item],
        memory.popularity[last][prefix],
        prefixes.lengths[prefix].astype(np.float32),
        _at(times, prefix, item),
        np.where(clicks_ago > 0, clicks_ago, _NEVER),
    ]


def _clicks_ago(prefixes: Sessions, items: int) -> Matrix:
    """How many clicks ago each item was clicked last, one for the last click."""
    backwards = (prefixes.owner * items + prefixes.items)[::-1]
    _, newest = np.unique(backwards, return_index=True)
    ago = np.zeros(len(backwards))
    kept = len(backwards) - 1 - newest
    ago[kept] = 1.0 + since(prefixes)[kept]
    return weighted(prefixes, items, ago)


def _best(matrix: Matrix) -> Numbers:
    """The highest entry of each row; hardly anything for an empty one."""
    best: Numbers = np.maximum(np.asarray(matrix.max(axis=1).todense()).ravel(), 1e-9)
    return best


def _at(matrix: Matrix, rows: Ids, columns: Ids) -> Numbers:
    """The entries at rows and columns, zero where there is none."""
    matrix.sort_indices()
    entries: Numbers = np.asarray(matrix[rows, columns]).ravel()
    return entries

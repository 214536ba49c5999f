"""What a cart's model sees: the snapshot, the session's earlier snapshots, and the visitor's earlier sessions.

Everything is of the past at the moment of the snapshot. The snapshots of one session are a time series, so the row
with the next lower `k` came before. The sessions of one visitor are numbered in the order of time (of those that
follow each other directly, the hour of the week moves on by less than a day in most), so a cart session with a lower
number came before as well. Outcomes are never a feature, not even those of earlier sessions; nor is how far a
session went on after its snapshot.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from inference.bench.carts.table import MEASURED, Carts

Matrix = npt.NDArray[np.float64]

K_COLUMN: Final = len(MEASURED)
"""Which feature is `k`."""

_GREW: Final = tuple(
    map(
        MEASURED.index,
        (
            "view_count",
            "addtocart_count",
            "unique_items_count",
            "seconds_since_first_cart",
            "repeated_views_of_cart_items",
            "seconds_since_previous_event",
        ),
    )
)
_AT_FIRST: Final = tuple(
    map(
        MEASURED.index,
        (
            "view_count",
            "addtocart_count",
            "unique_items_count",
            "seconds_since_first_event",
            "seconds_since_previous_event",
            "inter_event_interval_mean",
            "repeated_views_of_cart_items",
        ),
    )
)
_REMEMBERED: Final = tuple(
    map(MEASURED.index, ("view_count", "addtocart_count", "unique_items_count", "seconds_since_first_event"))
)


def features(carts: Carts) -> Matrix:
    """One row for each snapshot, NaN where something is not known.

    A row depends on rows of the same visitor only, so it is the same, but for
    rounding, whichever other visitors are in the table.
    """
    return np.column_stack([carts.measured, carts.k.astype(np.float64), _same_session(carts), _earlier_sessions(carts)])


def _same_session(carts: Carts) -> Matrix:
    """What grew since the snapshot before, and how the session stood at its first snapshot; NaN at the first."""
    order = np.lexsort((carts.k, carts.session_key))
    session, values = carts.session_key[order], carts.measured[order]
    first = np.append(True, session[1:] != session[:-1])
    start = np.maximum.accumulate(np.where(first, np.arange(len(order)), 0))
    grew = np.diff(values[:, _GREW], axis=0, prepend=np.nan)
    at_first = values[start][:, _AT_FIRST]
    return _back(order, np.where(first[:, None], np.nan, np.column_stack([grew, at_first])))


def _earlier_sessions(carts: Carts) -> Matrix:
    """The visitor's session number, and what his earlier cart sessions were like when they were last seen."""
    keys, of_row = np.unique(carts.session_key, return_inverse=True)
    last = np.zeros(len(keys), dtype=np.intp)
    by_k = np.argsort(carts.k, kind="stable")
    last[of_row[by_k]] = by_k  # the highest k is written last, and stays
    number = np.array([_session_number(key) for key in keys])
    order = np.lexsort((number, carts.visitor[last]))
    seen = np.nan_to_num(np.column_stack([carts.measured[last][:, _REMEMBERED], carts.k[last]]))
    known = _history(carts.visitor[last][order], number[order], seen[order])
    return _back(order, known)[of_row]


def _history(visitor: npt.NDArray[np.generic], number: Matrix, seen: Matrix) -> Matrix:
    """For each session, in the order of visitors and time, what the visitor's earlier cart sessions tell.

    The number, how many cart sessions came before, numbers since the last one, carts per session, the means of what
    is remembered, and how far the last one was seen to go.
    """
    first = np.append(True, visitor[1:] != visitor[:-1])
    start = np.maximum.accumulate(np.where(first, np.arange(len(visitor)), 0))
    earlier = (np.arange(len(visitor)) - start).astype(np.float64)
    before = np.cumsum(seen, axis=0) - seen
    with np.errstate(invalid="ignore"):
        means = (before - before[start]) / earlier[:, None]  # NaN without an earlier one
    since = np.where(first, np.nan, np.diff(number, prepend=np.nan))
    far = np.where(first, np.nan, np.roll(seen[:, -1], 1))
    known = np.column_stack([number, earlier, since, (earlier + 1) / np.maximum(number, 1), means, far])
    return np.where(np.isnan(number)[:, None], np.nan, known)  # without a number nothing is known to be earlier


def _session_number(key: str) -> float:
    """The number at the end of a session's key, NaN where there is none.

    >>> _session_number("155_5"), _session_number("no number")
    (5.0, nan)
    """
    number = key.rpartition("_")[2]
    return float(number) if number.isdecimal() else np.nan


def _back(order: npt.NDArray[np.intp], rows: Matrix) -> Matrix:
    """The rows as they stood before they were put in order."""
    back = np.empty_like(rows)
    back[order] = rows
    return back

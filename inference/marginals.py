"""How far two sets of examples are apart, one property at a time."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from inference.dataset import Examples
from inference.inputs import CONTEXT
from schemas.history import at_ms

Codes = npt.NDArray[Any]

_BASE: Final = 4_096


def distances(one: Examples, other: Examples) -> dict[str, float]:
    """The total variation between the distributions of each property: 0 for the same, 1 for nothing in common.

    `context`: the mean over its numbers. `context_pairs`: the mean difference of their correlations instead. Even two
    halves of one log are some way apart: that is the floor.
    """
    found = {
        name: total_variation(codes, others)
        for (name, codes), others in zip(properties(one).items(), properties(other).values(), strict=True)
    }
    columns = [
        total_variation(_log(one["context"][:, n]), _log(other["context"][:, n])) for n in range(len(CONTEXT))
    ]
    pairs = np.abs(_correlations(one) - _correlations(other))
    return found | {"context": float(np.mean(columns)), "context_pairs": float(pairs.mean())}


def total_variation(one: Codes, other: Codes) -> float:
    """Half the sum of the differences between how frequent each code is.

    >>> total_variation(np.array([1, 1, 2, 2]), np.array([1, 1, 1, 3]))
    0.5
    """
    codes, places = np.unique(np.concatenate([one, other]), return_inverse=True)
    mine, others = (np.bincount(part, minlength=len(codes)) / len(part) for part in np.split(places, [len(one)]))
    return float(np.abs(mine - others).sum() / 2)


def properties(examples: Examples) -> dict[str, Codes]:
    """Each property as a code for each event, each pair of events that follow each other, or each example."""
    history = examples["history"]
    kind, item = history["kind"].astype(np.int64), history["item"]
    seen, pairs = kind > 0, (kind[:, :-1] > 0) & (kind[:, 1:] > 0)
    gap = _log(np.diff(at_ms(history), axis=1)[pairs] / 1e3)
    price = _log(history["price"][seen])
    again = (item[:, 1:] == item[:, :-1])[pairs]
    newest = kind[:, -1]
    return {
        "history_length": seen.sum(axis=1),
        "kind": kind[seen],
        "price": price,
        "gap": gap,
        "kind_to_kind": _both(kind[:, :-1][pairs], kind[:, 1:][pairs]),
        "kind_and_price": _both(kind[seen], price),
        "kind_and_gap": _both(kind[:, 1:][pairs], gap),
        "kind_and_same_item": _both(kind[:, 1:][pairs], again),
        "newest_kind_and_abandoned": _both(newest, np.nan_to_num(examples["abandon_30m"], nan=2).astype(np.int64)),
        "newest_kind_and_next_action": _both(newest, examples["next_action"].astype(np.int64) + 1),
    }


def _log(numbers: npt.NDArray[Any]) -> Codes:
    """Stretches, each half as much again wider than the one below."""
    return np.ceil(np.log1p(np.clip(numbers.astype(np.float64), -1 + 1e-9, None)).clip(min=-1) * 2.5).astype(np.int64)


def _both(one: Codes, other: Codes) -> Codes:
    return one.astype(np.int64) * _BASE + other


def _correlations(examples: Examples) -> npt.NDArray[np.float64]:
    """Of the logarithms of the context's numbers; those that never vary are uncorrelated."""
    numbers = np.log1p(examples["context"].astype(np.float64).clip(min=0))
    apart = numbers - numbers.mean(axis=0)
    spread = np.sqrt((apart**2).mean(axis=0))
    standard = apart / np.where(spread > 0, spread, 1)
    correlations: npt.NDArray[np.float64] = standard.T @ standard / len(standard)
    return correlations

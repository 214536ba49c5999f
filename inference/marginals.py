"""How far two sets of examples are apart, one property at a time."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from inference.dataset import Examples
from inference.vocabulary import Vocabulary
from schemas.history import at_ms

Codes = npt.NDArray[Any]

_BASE: Final = 4_096


def beside(real: Examples, made: Examples) -> dict[str, dict[str, float]]:
    """The distances of made-up examples from real ones, by property, beside what there is to compare them with.

    All are from one half of the real ones, by shopper, and of as many examples: `synthetic` of the made-up ones, `half`
    of the other half (the floor), and `independent` of examples whose events and numbers know nothing of each other.
    Empty where all of `real` is of one shopper.
    """
    first = real["shopper"] % 2 == 0
    if first.all() or not first.any():
        return {}
    half, other, rng = real[first], real[~first], np.random.default_rng(0)
    found = {"synthetic": made, "half": other, "independent": independent(real, rng)}
    by = {name: distances(half, _at_most(examples, len(half), rng)) for name, examples in found.items()}
    return {name: {of: by[of][name] for of in by} for name in by["half"]}


def independent(real: Examples, rng: np.random.Generator) -> Examples:
    """Made-up examples with the distributions of the log's, but all else by chance: what is to be beaten.

    Each field of each event is that of an event anywhere in the log, each number that of any example.
    """
    vocabulary = Vocabulary.of(real)
    events, numbers = vocabulary.events_of(real), vocabulary.numbers_of(real)
    places = rng.permutation(events[..., 0] > 0)
    seen, drawn = events[events[..., 0] > 0], np.zeros_like(events)
    for field in range(events.shape[2]):
        drawn[places, field] = rng.choice(seen[:, field], size=int(places.sum()))
    shuffled = np.stack([rng.permutation(column) for column in numbers.T], axis=1)
    return vocabulary.examples(drawn, shuffled, real, rng)


def distances(one: Examples, other: Examples) -> dict[str, float]:
    """The total variation between the distributions of each property: 0 for the same, 1 for nothing in common.

    `context`: the mean over its numbers. `context_pairs`: the mean difference of their correlations instead. Even two
    halves of one log are some way apart: that is the floor.
    """
    found = {
        name: total_variation(codes, others)
        for (name, codes), others in zip(properties(one).items(), properties(other).values(), strict=True)
    }
    both = [_log(examples["context"]).T for examples in (one, other)]
    columns = [total_variation(mine, others) for mine, others in zip(*both, strict=True)]
    pairs = np.abs(_correlations(one) - _correlations(other))
    return found | {"context": float(np.mean(columns)), "context_pairs": float(pairs.mean())}


def _at_most(examples: Examples, count: int, rng: np.random.Generator) -> Examples:
    some: Examples = examples[rng.permutation(len(examples))[:count]]
    return some


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
    """Stretches, each half as wide again as the one below; what is below 0 is one of its own."""
    stretches = np.ceil(np.log1p(numbers.clip(min=0).astype(np.float64)) * 2.5)
    codes: Codes = np.where(numbers < 0, -1, stretches).astype(np.int64)
    return codes


def _both(one: Codes, other: Codes) -> Codes:
    codes: Codes = one.astype(np.int64) * _BASE + other
    return codes


def _correlations(examples: Examples) -> npt.NDArray[np.float64]:
    """Of the logarithms of the context's numbers; those that never vary are uncorrelated."""
    numbers = np.log1p(examples["context"].astype(np.float64).clip(min=0))
    apart = numbers - numbers.mean(axis=0)
    spread = np.sqrt((apart**2).mean(axis=0))
    standard = apart / np.where(spread > 0, spread, 1)
    correlations: npt.NDArray[np.float64] = standard.T @ standard / len(standard)
    return correlations

"""How far figures may be off: by drawing shoppers again, as examples of one shopper are not independent."""

from collections.abc import Callable, Iterator
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

DRAWS: Final = 200
CONFIDENCE: Final = 0.95
Indexes = npt.NDArray[np.intp]


class Interval(msgspec.Struct, frozen=True):
    """A figure, and from where to where it may be: the middle 95 % of what shoppers drawn again give (Efron 1979).

    `low` and `high` are None where too few draws have the figure.
    """

    value: float
    low: float | None
    high: float | None


def draws(shoppers: npt.NDArray[np.uint64], seed: int, count: int = DRAWS) -> Iterator[Indexes]:
    """The indexes of examples, of as many shoppers as there are, drawn with replacement. The same seed, the same."""
    _, who = np.unique(shoppers, return_inverse=True)
    order, sizes = np.argsort(who, kind="stable"), np.bincount(who)
    starts, chance = np.cumsum(sizes) - sizes, np.random.default_rng(seed)
    for _ in range(count):
        drawn = chance.integers(len(sizes), size=len(sizes))
        lengths = sizes[drawn]
        ends = np.cumsum(lengths)
        yield order[np.arange(ends[-1]) + np.repeat(starts[drawn] - (ends - lengths), lengths)]


def intervals(
    figures: Callable[[Indexes], dict[str, float]], shoppers: npt.NDArray[np.uint64], seed: int
) -> dict[str, Interval]:
    """Each figure of all examples with its interval. `figures` leaves out what cannot be told of some indexes."""
    found = figures(np.arange(len(shoppers)))
    again = [figures(drawn) for drawn in draws(shoppers, seed)]
    return {name: _interval(value, [one[name] for one in again if name in one]) for name, value in found.items()}


def _interval(value: float, again: list[float]) -> Interval:
    if len(again) < DRAWS / 2:
        return Interval(value, None, None)
    low, high = np.quantile(again, [0.5 - CONFIDENCE / 2, 0.5 + CONFIDENCE / 2])
    return Interval(value, float(low), float(high))

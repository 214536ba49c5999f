"""How far figures may be off: by drawing shoppers again, as examples of one shopper are not independent."""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

CONFIDENCE: Final = 0.95
Indexes = npt.NDArray[np.intp]


class Drawing(NamedTuple):
    """How shoppers are drawn again: so many times, and by which seed."""

    seed: int
    times: int = 200


class Interval(msgspec.Struct, frozen=True):
    """A figure, and from where to where it may be: the middle 95 % of what shoppers drawn again give (Efron 1979).

    `low` and `high` are None where too few draws have the figure.
    """

    value: float
    low: float | None
    high: float | None


def draws(shoppers: npt.NDArray[np.uint64], how: Drawing) -> Iterator[Indexes]:
    """The indexes of examples, of as many shoppers as there are, drawn with replacement. The same seed, the same."""
    _, who = np.unique(shoppers, return_inverse=True)
    order, sizes = np.argsort(who, kind="stable"), np.bincount(who)
    starts, chance = np.cumsum(sizes) - sizes, np.random.default_rng(how.seed)
    for _ in range(how.times):
        drawn = chance.integers(len(sizes), size=len(sizes))
        lengths = sizes[drawn]
        ends = np.cumsum(lengths)
        yield order[np.arange(ends[-1]) + np.repeat(starts[drawn] - (ends - lengths), lengths)]


def intervals(
    figures: Callable[[Indexes], dict[str, float]], shoppers: npt.NDArray[np.uint64], how: Drawing
) -> dict[str, Interval]:
    """Each figure of all examples with its interval. `figures` leaves out what cannot be told of some indexes."""
    found = figures(np.arange(len(shoppers)))
    again = [figures(drawn) for drawn in draws(shoppers, how)]
    drawn = {name: [one[name] for one in again if name in one] for name in found}
    return {name: _interval(value, drawn[name], how.times) for name, value in found.items()}


def _interval(value: float, again: list[float], times: int) -> Interval:
    if len(again) < times / 2:
        return Interval(value, None, None)
    low, high = np.quantile(again, [0.5 - CONFIDENCE / 2, 0.5 + CONFIDENCE / 2])
    return Interval(value, float(low), float(high))

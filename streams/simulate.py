"""A simulated shop: the same seed makes the same log, of any size."""

from collections.abc import Iterator
from typing import Final

from streams.feed import Arrival
from streams.simulator.rates import Rates
from streams.simulator.shop import Shop
from streams.simulator.truth import Sink

START_MS: Final = 1_790_000_000_000
"""The log time, 2026-09-21, at which a simulated log begins where nothing else is said."""


def simulate(
    seed: int,
    shoppers: int,
    duration_ms: int,
    start_ms: int = START_MS,
    rates: Rates | None = None,
    truth: Sink | None = None,
) -> Iterator[Arrival]:
    """The arrivals of a simulated shop, in their order. Shoppers enter during the duration, uniformly.

    After it nobody enters or returns, but each cart that is still open is seen to its end, so the last arrivals are
    later. Where `truth` is given, it is called with everything that is true; that halves the speed.

    >>> next(simulate(seed=1, shoppers=10, duration_ms=3_600_000)).at_ms >= START_MS
    True
    """
    return Shop(seed, rates or Rates(), truth).open(shoppers, start_ms, start_ms + duration_ms)

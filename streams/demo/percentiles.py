"""How long things took, in three numbers."""

from collections.abc import Collection

import msgspec


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds; None where nothing was measured."""

    p50: float | None = None
    p99: float | None = None
    max: float | None = None


def latency(measured_ms: Collection[float]) -> Latency:
    """The nearest-rank percentiles.

    >>> latency([3.0, 1.0, 2.0])
    Latency(p50=2.0, p99=3.0, max=3.0)
    """
    rising = sorted(measured_ms)
    if not rising:
        return Latency()
    p50, p99 = (round(rising[-(-len(rising) * percent // 100) - 1], 1) for percent in (50, 99))
    return Latency(p50=p50, p99=p99, max=round(rising[-1], 1))

"""When the watermark may move: never past what some input partition has still to bring.

Ingest says of each input partition up to which log time everything is in the timeline. A TICK is the minimum over all
input partitions that exist, minus the lateness allowed; one that has not reported holds it back.
"""

from collections.abc import Collection, Mapping

from schemas.timeline import Tick

Source = tuple[str, int]
"""An input partition: topic name, partition."""

EVERY_MS = 1_000


def tick(
    progress: Mapping[Source, int],
    expected: Collection[Source],
    consent: Collection[Source],
    lateness_ms: int,
    as_of_ms: int,
) -> Tick | None:
    """The TICK that may be written now, None while an expected input partition has not reported.

    `as_of_ms` is when `expected` was asked for: what a partition holds that was made later may be as old as that.

    >>> tick({("cart", 0): 9_000, ("buy", 0): 4_000}, {("cart", 0), ("buy", 0)}, set(), 500, 9_100)
    Tick(at_ms=3500, consent_ms=3500)
    >>> tick({("cart", 0): 9_000, ("buy", 0): 4_000}, {("cart", 0), ("buy", 0)}, set(), 500, 3_000)
    Tick(at_ms=2500, consent_ms=2500)
    >>> tick({("cart", 0): 9_000}, {("cart", 0), ("buy", 0)}, set(), 500, 9_100) is None
    True
    """
    if not expected or any(source not in progress for source in expected):
        return None
    at_ms = min(as_of_ms, *(progress[source] for source in expected)) - lateness_ms
    consent_ms = min((min(as_of_ms, progress[source]) - lateness_ms for source in consent), default=at_ms)
    return Tick(at_ms, consent_ms)


def due(now: Tick | None, last_ms: int) -> bool:
    """Whether a TICK is worth writing: at most one a second of log time, and never back."""
    return now is not None and now.at_ms >= max(last_ms + EVERY_MS, 0)

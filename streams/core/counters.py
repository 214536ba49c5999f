"""How much a shopper did lately: clicks, cart events and purchases of the last hour, 24 hours and 7 days.

A window is counted in two buckets that are aligned to the epoch: what fell into the bucket of now counts fully, what
fell into the one before counts by the share of it that the window still covers (rate limiters' sliding window counter).
An event touches three small integers; everything else moves once an hour.
"""

from struct import Struct
from typing import Final

from schemas.shopper import Shopper

HOUR_MS: Final = 3_600_000
Counts = tuple[int, int, int]

_EARLIER: Final = Struct("<15H")
"""By three (clicks, carts, purchases): the hour before; this day's hours before this one; the day before; this week's
hours before this one; the week before. A count stops at 65,535."""
_NOTHING: Final = (0,) * 15


def roll(shopper: Shopper, hour: int) -> None:
    """Begin a later hour: what the current one counted moves into the buckets behind it."""
    last, counted = shopper.hour, (shopper.clicks, shopper.carts, shopper.purchases)
    _, day, day_before, week, week_before = _by_three(shopper.earlier)
    day, day_before = _moved(day, day_before, counted, hour // 24 - last // 24)
    week, week_before = _moved(week, week_before, counted, hour // 168 - last // 168)
    hour_before = counted if hour == last + 1 else (0, 0, 0)
    shopper.earlier = _pack((*hour_before, *day, *day_before, *week, *week_before))
    shopper.hour, shopper.clicks, shopper.carts, shopper.purchases = hour, 0, 0, 0


def windows(shopper: Shopper, at_ms: int) -> tuple[float, ...]:
    """Clicks, cart events and purchases of the last 1 h, 24 h and 7 d before `at_ms`: nine numbers, in that order.

    A time before the shopper's current hour counts as the start of that hour.
    """
    at_ms = max(at_ms, shopper.hour * HOUR_MS)
    if at_ms // HOUR_MS != shopper.hour:
        shopper = _rolled_copy(shopper, at_ms // HOUR_MS)
    clicks, carts, purchases = float(shopper.clicks), float(shopper.carts), float(shopper.purchases)
    if not shopper.earlier:
        return (clicks, carts, purchases) * 3
    hour, day, day_before, week, week_before = _by_three(shopper.earlier)
    return (
        *_weighted((clicks, carts, purchases), hour, _covered(at_ms, 1)),
        *_weighted((clicks + day[0], carts + day[1], purchases + day[2]), day_before, _covered(at_ms, 24)),
        *_weighted((clicks + week[0], carts + week[1], purchases + week[2]), week_before, _covered(at_ms, 168)),
    )


def _covered(at_ms: int, hours: int) -> float:
    """The share of the bucket before this one that a window ending now still covers."""
    return 1.0 - at_ms % (hours * HOUR_MS) / (hours * HOUR_MS)


def _weighted(now: tuple[float, float, float], before: Counts, covered: float) -> tuple[float, float, float]:
    return (now[0] + before[0] * covered, now[1] + before[1] * covered, now[2] + before[2] * covered)


def _moved(current: Counts, before: Counts, counted: Counts, buckets: int) -> tuple[Counts, Counts]:
    """A bucket and the one before it, after `buckets` bucket ends have passed."""
    total = (current[0] + counted[0], current[1] + counted[1], current[2] + counted[2])
    if buckets == 0:
        return total, before
    return (0, 0, 0), total if buckets == 1 else (0, 0, 0)


def _rolled_copy(shopper: Shopper, hour: int) -> Shopper:
    copy = Shopper(
        hour=shopper.hour,
        clicks=shopper.clicks,
        carts=shopper.carts,
        purchases=shopper.purchases,
        earlier=shopper.earlier,
    )
    roll(copy, hour)
    return copy


def _by_three(earlier: bytes) -> tuple[Counts, ...]:
    counts = _EARLIER.unpack(earlier) if earlier else _NOTHING
    return counts[:3], counts[3:6], counts[6:9], counts[9:12], counts[12:]


def _pack(counts: tuple[int, ...]) -> bytes:
    return _EARLIER.pack(*(min(count, 65_535) for count in counts)) if any(counts) else b""

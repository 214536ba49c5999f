"""Windows equal their definition, which looks at every event there ever was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.kinds import LAST_CART, LAST_CLICK, LAST_PURCHASE, Kind
from schemas.shopper import Shopper
from streams.core.counters import HOUR_MS, roll, windows
from streams.core.history import remember
from tests.streams.core.slots import message_id, slot

Events = list[tuple[int, int]]  # at_ms, kind

GAPS_MS = st.one_of(st.integers(0, HOUR_MS), st.integers(0, 30 * HOUR_MS), st.integers(0, 500 * HOUR_MS))
EVENTS = st.lists(st.tuples(GAPS_MS, st.sampled_from([*range(1, 12), 40])), max_size=40)


def in_time(gaps: list[tuple[int, int]]) -> Events:
    at_ms, events = 400_000 * HOUR_MS, []
    for gap_ms, kind in gaps:
        at_ms += gap_ms
        events.append((at_ms, kind))
    return events


def shopper_after(events: Events) -> Shopper:
    shopper = Shopper()
    for number, (at_ms, kind) in enumerate(events):
        remember(shopper, message_id(number + 1), slot(kind, at_ms), at_ms // HOUR_MS)
    return shopper


def naive_windows(events: Events, at_ms: int) -> list[float]:
    """For each window and group: the bucket of now, and the share of the one before that the window still covers."""
    groups = (range(1, LAST_CLICK + 1), range(LAST_CLICK + 1, LAST_CART + 1), range(LAST_CART + 1, LAST_PURCHASE + 1))
    found = []
    for hours in (1, 24, 168):
        width_ms = hours * HOUR_MS
        now, share = at_ms // width_ms, 1 - at_ms % width_ms / width_ms
        for kinds in groups:
            buckets = [at // width_ms for at, kind in events if kind in kinds]
            found.append(buckets.count(now) + share * buckets.count(now - 1))
    return found


@given(EVENTS, GAPS_MS)
def test_windows_equal_a_rescan_of_all_events(gaps, later_ms):
    events = in_time(gaps)
    at_ms = (events[-1][0] if events else 400_000 * HOUR_MS) + later_ms

    assert list(windows(shopper_after(events), at_ms)) == pytest.approx(naive_windows(events, at_ms))


@given(EVENTS, GAPS_MS)
def test_looking_at_the_windows_changes_nothing(gaps, later_ms):
    events = in_time(gaps)
    shopper, untouched = shopper_after(events), shopper_after(events)

    windows(shopper, shopper.hour * HOUR_MS + later_ms)

    assert shopper == untouched


def test_a_late_event_counts_as_one_of_the_present_hour():
    shopper = shopper_after([(100 * HOUR_MS, Kind.PRODUCT_VIEWED), (3 * HOUR_MS, Kind.PRODUCT_VIEWED)])

    assert windows(shopper, 100 * HOUR_MS)[0] == 2


def test_a_time_before_the_present_hour_is_taken_for_its_start():
    shopper = shopper_after([(100 * HOUR_MS + 5, Kind.PRODUCT_ADDED)])

    assert windows(shopper, 7) == windows(shopper, 100 * HOUR_MS)


def test_an_hour_that_is_over_counts_as_many_as_fit_into_two_bytes():
    shopper = Shopper(hour=10, clicks=70_000)

    roll(shopper, 11)

    assert windows(shopper, 11 * HOUR_MS)[0] == 65_535


def test_nothing_is_kept_of_a_shopper_who_was_away_for_three_weeks():
    shopper = shopper_after([(HOUR_MS, Kind.PRODUCT_VIEWED)])

    roll(shopper, 1 + 3 * 168)

    assert shopper.earlier == b""

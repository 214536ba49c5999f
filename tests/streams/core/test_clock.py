"""When an event happened: three clocks, two modes."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from schemas.events import Event, ProductsSearched, Searched
from streams.core.clock import EARLIEST_MS, LATEST_MS, CleanRules, event_time_ms, unix_ms
from streams.core.refusals import RefusedError

NOW = 1_700_000_000_000
WALL = CleanRules(max_clock_ahead_ms=1_000)
LOG = CleanRules(max_clock_ahead_ms=1_000, trust_append_time=False)


def event(**times: Any) -> Event:
    return ProductsSearched(message_id="m", user_id="ada", properties=Searched(query="mug"), **times)


def refusal(rules: CleanRules, append_ms: int, **times: Any) -> tuple[str, str]:
    with pytest.raises(RefusedError) as refused:
        event_time_ms(event(**times), append_ms, rules)
    return refused.value.failure, refused.value.reason


def test_the_shoppers_clock_is_corrected_by_what_the_collector_saw_of_its_skew() -> None:
    hour = 3_600_000
    late = event(original_timestamp=NOW - hour, sent_at=NOW - hour + 200, received_at=NOW)
    early = event(original_timestamp=NOW + hour, sent_at=NOW + hour + 200, received_at=NOW)

    assert event_time_ms(late, NOW, WALL) == event_time_ms(early, NOW, WALL) == NOW - 200


def test_without_the_time_of_sending_the_original_time_counts() -> None:
    assert event_time_ms(event(original_timestamp=NOW - 5, timestamp=NOW - 7), NOW, WALL) == NOW - 5
    assert event_time_ms(event(original_timestamp=NOW - 5, received_at=NOW), NOW, WALL) == NOW - 5
    assert event_time_ms(event(original_timestamp=NOW - 5, sent_at=NOW), NOW, WALL) == NOW - 5


def test_without_an_original_time_the_timestamp_counts() -> None:
    assert event_time_ms(event(timestamp=NOW - 7, sent_at=NOW, received_at=NOW), NOW, WALL) == NOW - 7


def test_a_little_ahead_of_the_broker_is_clamped_and_more_is_refused() -> None:
    assert event_time_ms(event(timestamp=NOW + 1_000), NOW, WALL) == NOW
    assert refusal(WALL, NOW, timestamp=NOW + 1_001)[0] == "clock_ahead"


def test_a_collector_ahead_of_the_broker_is_not_believed() -> None:
    assert event_time_ms(event(timestamp=NOW, received_at=NOW + 500), NOW - 300, WALL) == NOW - 300


def test_a_collector_behind_the_broker_is_the_reference() -> None:
    assert event_time_ms(event(timestamp=NOW - 200, received_at=NOW - 500), NOW, WALL) == NOW - 500


def test_on_log_time_only_the_collector_can_tell_that_a_clock_runs_ahead() -> None:
    today = 1_000_000_000_000

    assert event_time_ms(event(timestamp=NOW), today, LOG) == NOW
    assert event_time_ms(event(timestamp=NOW, received_at=NOW - 10), today, LOG) == NOW - 10
    assert refusal(LOG, today, timestamp=NOW, received_at=NOW - 1_001)[0] == "clock_ahead"


def test_a_zone_is_honoured_and_required() -> None:
    tokyo = datetime(2023, 11, 15, 7, 13, 20, 999, tzinfo=timezone(timedelta(hours=9)))

    assert unix_ms(tokyo, "timestamp") == NOW
    assert refusal(WALL, NOW, timestamp=datetime(2023, 11, 14)) == (
        "invalid_value", "expected timestamp with a zone, got '2023-11-14T00:00:00'",
    )  # fmt: skip


@pytest.mark.parametrize("at", [0, -1, EARLIEST_MS - 1, LATEST_MS, 10**40, datetime(1999, 12, 31, tzinfo=UTC)])
@pytest.mark.parametrize("name", ["timestamp", "original_timestamp", "sent_at", "received_at"])
def test_a_clock_that_was_never_set_is_not_believed(name: str, at: Any) -> None:
    times = (
        {"timestamp": NOW} if name == "timestamp" else {"original_timestamp": NOW, "sent_at": NOW, "received_at": NOW}
    )

    assert refusal(WALL, NOW, **times | {name: at})[0] == "invalid_value"


def test_the_corrected_time_must_be_in_range_too() -> None:
    times = {"original_timestamp": EARLIEST_MS, "sent_at": NOW, "received_at": NOW - 1}

    assert refusal(WALL, NOW, **times) == (
        "invalid_value",
        "expected the time corrected for skew in [2000-01-01T00:00:00.000Z, 6429-10-17T02:45:55.328Z), "
        "got 946684799999",
    )


def test_fractions_of_a_millisecond_are_cut_off() -> None:
    assert unix_ms(datetime(2020, 1, 1, 0, 0, 0, 999_999, tzinfo=UTC), "timestamp") == 1_577_836_800_999

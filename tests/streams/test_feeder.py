"""What the feeder knows of time, without a broker."""

import pytest

from streams.feeder import REMEMBERED, Feeder, Pace, SentTimes, run_on_ms
from streams.settings import Settings

NOWHERE = Settings(broker="127.0.0.1:1")


def test_at_speed_600_ten_minutes_of_the_log_are_due_after_one_second() -> None:
    assert Pace(start_ms=5_000, start_s=100.0, speed=600).due_ms(101.0) == 5_000 + 600_000


def test_as_fast_as_possible_everything_is_due_at_once() -> None:
    assert Pace(start_ms=5_000, start_s=100.0, speed=0).due_ms(100.0) == float("inf")


def test_log_time_was_sent_with_the_first_slice_that_reached_it() -> None:
    sent = SentTimes()
    sent.add(1_000, 10.0)
    sent.add(3_000, 11.0)

    assert [sent.wall_s_of(log_ms) for log_ms in (0, 1_000, 1_001, 3_000)] == [10.0, 10.0, 11.0, 11.0]


def test_log_time_that_was_not_sent_yet_has_no_wall_time() -> None:
    sent = SentTimes()
    sent.add(1_000, 10.0)

    assert sent.wall_s_of(1_001) is None
    assert SentTimes().wall_s_of(0) is None


def test_log_time_that_does_not_go_on_is_not_remembered_twice() -> None:
    sent = SentTimes()
    for wall_s in (10.0, 11.0):
        sent.add(1_000, wall_s)

    assert list(sent.pairs) == [(1_000, 10.0)]


def test_what_is_forgotten_has_no_wall_time() -> None:
    sent = SentTimes()
    for log_ms in range(REMEMBERED + 5):
        sent.add(log_ms, log_ms / 1000)

    assert sent.wall_s_of(4) is None
    assert sent.wall_s_of(6) == 0.006


def test_log_time_runs_on_for_longer_than_a_cart_may_be_idle_and_an_event_late() -> None:
    settings = Settings(cart_idle_s=60, lateness_s=7)

    assert run_on_ms(settings) > (60 + 7) * 1000


async def test_nothing_to_feed_needs_no_broker() -> None:
    feeder = Feeder(NOWHERE, speed=1)

    assert await feeder.feed([]) == {}


async def test_what_cannot_be_read_is_told_before_anything_is_sent() -> None:
    def broken() -> list[None]:
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        await Feeder(NOWHERE, speed=1).feed(_ for _ in broken())

"""Log time on the wall clock is never later than the broker's clock, however wrong the machine's is."""

from streams.clock import BrokerClock

NOON_MS = 1_790_000_000_000
HOUR_MS = 3_600_000


class Machine:
    """A machine's two clocks, in the tester's hand: what it shows, and how long it runs."""

    def __init__(self, wall_ms: int) -> None:
        self.shown_ms, self.run_s = wall_ms, 77.0
        self.clock = BrokerClock(lambda: self.shown_ms, lambda: self.run_s)

    def later(self, seconds: float) -> None:
        self.shown_ms += round(seconds * 1_000)
        self.run_s += seconds


def test_before_the_broker_has_told_its_time_nothing_is_known():
    assert Machine(NOON_MS).clock.now_ms() == -1


def test_a_clock_that_is_an_hour_ahead_is_not_followed():
    machine = Machine(NOON_MS + HOUR_MS)

    machine.clock.appended(NOON_MS)
    machine.later(2.5)

    assert machine.clock.now_ms() == NOON_MS + 2_500
    assert machine.clock.ahead_ms == HOUR_MS


def test_a_clock_that_is_behind_is_followed():
    machine = Machine(NOON_MS - HOUR_MS)

    machine.clock.appended(NOON_MS)
    machine.later(1)

    assert machine.clock.now_ms() == NOON_MS - HOUR_MS + 1_000
    assert machine.clock.ahead_ms == -HOUR_MS


def test_a_clock_that_is_set_forward_while_the_worker_runs_changes_nothing():
    machine = Machine(NOON_MS)
    machine.clock.appended(NOON_MS)

    machine.shown_ms += HOUR_MS

    assert machine.clock.now_ms() == NOON_MS


def test_the_last_answer_counts():
    machine = Machine(NOON_MS + HOUR_MS)
    machine.clock.appended(NOON_MS)
    machine.later(5)

    machine.clock.appended(NOON_MS + 4_900)  # the answer took longer

    assert machine.clock.now_ms() == NOON_MS + 4_900

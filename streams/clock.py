"""What time it is on the log: the wall clock in production, a feed's clock topic for demos, tests and recorded logs."""

import logging
import time
from collections.abc import Callable
from typing import ClassVar, Protocol

import msgspec

from schemas.progress import decode_clock
from streams.exit_codes import ExitCode

Clock = Callable[[], float]

log = logging.getLogger(__name__)


class LogClock(Protocol):
    """Log time now, Unix epoch milliseconds; -1 while it is not known."""

    def now_ms(self) -> int: ...


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


class WallClock:
    """Log time is the wall clock's: where the broker does not tell its own (the embedded one does not)."""

    def now_ms(self) -> int:
        """Milliseconds since the epoch."""
        return _wall_ms()


class AppendTimeError(Exception):
    """A topic does not tell the broker's clock. Starting again does not help: the worker ends as misconfigured."""

    exit_code: ClassVar[ExitCode] = ExitCode.BAD_CONFIGURATION


class BrokerClock:
    """Log time is the wall clock's, and never later than the broker's: a clock ahead would fire timers early.

    The broker tells its clock in the append times of our own records. When we hear of one, its clock is past that; it
    goes on from there as ours does, so what is said here is behind it by the time that the answer took, and no more.
    """

    def __init__(
        self, wall_ms: Callable[[], float] = _wall_ms, elapsed_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._wall_ms, self._elapsed_s = wall_ms, elapsed_s
        self._ahead_ms: float | None = None

    def now_ms(self) -> int:
        """The earlier of both clocks; -1 before the broker's is known."""
        if self._ahead_ms is None:
            return -1
        return int(min(self._wall_ms(), self._elapsed_s() * 1_000 + self._ahead_ms))

    def appended(self, at_ms: int) -> None:
        """A record was appended at this time of the broker's clock."""
        self._ahead_ms = at_ms - self._elapsed_s() * 1_000

    @property
    def ahead_ms(self) -> float:
        """How far the wall clock here is ahead of the broker's, by its last answer; negative where it is behind."""
        broker_ms = None if self._ahead_ms is None else self._elapsed_s() * 1_000 + self._ahead_ms
        return 0.0 if broker_ms is None else self._wall_ms() - broker_ms


class TopicClock:
    """Log time is what the clock topic said last; it never goes back."""

    def __init__(self) -> None:
        self._now_ms = -1
        self.unreadable = 0

    def now_ms(self) -> int:
        """The greatest time heard so far, -1 before the first."""
        return self._now_ms

    def heard(self, _key: bytes | None, value: bytes) -> None:
        """Take in a record of the clock topic. What is none is counted, and said."""
        try:
            self._now_ms = max(self._now_ms, decode_clock(value).at_ms)
        except (ValueError, msgspec.MsgspecError) as error:
            self.unreadable += 1
            log.warning("expected a record of log time, got %r: %s; it is ignored", value[:80], error)

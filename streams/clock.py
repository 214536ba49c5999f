"""What time it is on the log: the wall clock in production, a feed's clock topic for demos, tests and recorded logs."""

import logging
import time
from typing import Protocol

import msgspec

from schemas.progress import decode_clock

log = logging.getLogger(__name__)


class LogClock(Protocol):
    """Log time now, Unix epoch milliseconds; -1 while it is not known."""

    def now_ms(self) -> int: ...


class WallClock:
    """Log time is the wall clock's."""

    def now_ms(self) -> int:
        """Milliseconds since the epoch."""
        return time.time_ns() // 1_000_000


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

"""Liveness comes from progress: a worker whose work stands still ends, and its replacement takes over."""

import threading
import time
from collections.abc import Callable
from typing import Final

from streams.exit_codes import ExitCode
from streams.transport.fatal import end_process

LOOK_EVERY_S: Final = 2.0
FROZEN_S: Final = 5.0
"""Who slept so much longer than it wanted was paused, with the whole process."""


class Watchdog(threading.Thread):
    """Ends the process with code 75 when nobody called `beat` for `limit_s`; `work` says what stands still then.

    It is a thread, because an event loop that is blocked cannot watch itself. Where something is to be looked at rather
    than told, `moves` is asked at each look. Time for which the process was paused (SIGSTOP, a suspended machine) does
    not count: what comes after it may be that another worker has taken over, and that has a code of its own.
    """

    def __init__(
        self,
        limit_s: float,
        now_s: Callable[[], float] = time.monotonic,
        work: str = "work",
        moves: Callable[[], bool] | None = None,
    ) -> None:
        super().__init__(name=f"watchdog of {work}", daemon=True)
        self._limit_s, self._now_s, self._work, self._moves = limit_s, now_s, work, moves
        self._beaten_s = now_s()

    def beat(self) -> None:
        """The work went on."""
        self._beaten_s = self._now_s()

    def slept(self, wanted_s: float, took_s: float) -> None:
        """A look took so long to come: what it came later than it should is not held against the work."""
        late_s = took_s - wanted_s
        if late_s > FROZEN_S:
            self._beaten_s += late_s

    @property
    def stuck(self) -> bool:
        """Whether the last beat is too long ago."""
        return self._now_s() - self._beaten_s > self._limit_s

    def run(self) -> None:
        """Look every other second."""
        while not self.stuck:
            before_s = self._now_s()
            time.sleep(LOOK_EVERY_S)
            self.slept(LOOK_EVERY_S, self._now_s() - before_s)
            if self._moves is not None and self._moves():
                self.beat()
        reason = f"expected progress, got none for {self._limit_s:.0f} s: {self._work}; see the runbook"
        end_process(ExitCode.NO_PROGRESS, reason)

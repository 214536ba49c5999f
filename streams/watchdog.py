"""Liveness comes from progress: a worker whose work stands still ends, and its replacement takes over."""

import threading
import time
from collections.abc import Callable
from typing import Final

from streams.exit_codes import ExitCode
from streams.transport.fatal import end_process

LOOK_EVERY_S: Final = 2.0


class Watchdog(threading.Thread):
    """Ends the process with code 75 when nobody called `beat` for `limit_s`.

    It is a thread, because an event loop that is blocked cannot watch itself.
    """

    def __init__(self, limit_s: float, now_s: Callable[[], float] = time.monotonic) -> None:
        super().__init__(name="watchdog", daemon=True)
        self._limit_s, self._now_s = limit_s, now_s
        self._beaten_s = now_s()

    def beat(self) -> None:
        """The work went on."""
        self._beaten_s = self._now_s()

    @property
    def stuck(self) -> bool:
        """Whether the last beat is too long ago."""
        return self._now_s() - self._beaten_s > self._limit_s

    def run(self) -> None:
        """Look every other second."""
        while not self.stuck:
            time.sleep(LOOK_EVERY_S)
        end_process(ExitCode.NO_PROGRESS, f"expected progress, got none for {self._limit_s:.0f} s; see the runbook")

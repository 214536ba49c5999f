"""Liveness comes from progress: a worker whose work stands still ends, and its replacement takes over."""

import threading
import time
from collections.abc import Callable
from typing import Final

from streams.exit_codes import ExitCode
from streams.transport.fatal import end_process

LOOK_EVERY_S: Final = 2.0


class Watchdog(threading.Thread):
    """Ends the process with code 75 when nobody called `beat` for `limit_s`; `work` says what stands still then.

    It is a thread, because an event loop that is blocked cannot watch itself. What it slept through itself does not
    count: a process that was frozen could not work, and when it goes on it has to learn whether it was replaced. Where
    something is to be looked at rather than told, `moves` is asked at each look.
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
        self._beaten_s = self._looked_s = now_s()

    def beat(self) -> None:
        """The work went on."""
        self._beaten_s = self._now_s()

    def look(self) -> None:
        """To be called every other second: a longer time between two looks is one in which nobody could work."""
        now_s = self._now_s()
        frozen_s = now_s - self._looked_s - LOOK_EVERY_S
        if frozen_s > LOOK_EVERY_S:
            self._beaten_s += frozen_s
        self._looked_s = now_s
        if self._moves is not None and self._moves():
            self.beat()

    @property
    def stuck(self) -> bool:
        """Whether the last beat is too long ago."""
        return self._now_s() - self._beaten_s > self._limit_s

    def run(self) -> None:
        """Look every other second."""
        while not self.stuck:
            time.sleep(LOOK_EVERY_S)
            self.look()
        reason = f"expected progress, got none for {self._limit_s:.0f} s: {self._work}; see the runbook"
        end_process(ExitCode.NO_PROGRESS, reason)

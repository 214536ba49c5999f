"""Where workers run: a place keeps one worker alive as a supervisor would, and tells how each of them ended."""

import asyncio
import contextlib
import shutil
import signal
import time
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from streams.demo.worker_process import start_worker
from streams.embedded.process import ServerProcess
from streams.settings import Settings

LOOK_EVERY_S: Final = 0.05
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 8.0
HEALTHY_S: Final = 20.0
"""A worker that ran for so long is restarted at once: pauses double for those that keep ending early."""
STOP_LIMIT_S: Final = 15.0


class Ended(NamedTuple):
    """A worker ended: when, on the wall clock, and with which code (128 and the number of the signal that ended it).

    `newborn`: it was told to stop when Python had run nothing of ours yet, so it could not hear that.
    """

    at_ms: int
    code: int
    newborn: bool = False


class Place:
    """One worker after the other, on the same settings and in the same folder."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings, self.folder = settings, folder
        self.ended: list[Ended] = []
        self._worker: ServerProcess | None = None
        self._wipe, self._closed, self._started = False, asyncio.Event(), asyncio.Event()
        self._newborn = False
        self._keeping: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to keep a worker alive."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._keeping = asyncio.create_task(self._keep())

    async def kill(self, *, wipe: bool = False) -> None:
        """SIGKILL; with `wipe` the successor finds an empty disk."""
        self._wipe = wipe
        if self._worker is not None:
            await asyncio.to_thread(self._worker.kill)

    def send_signal(self, number: signal.Signals) -> None:
        """SIGSTOP, SIGCONT, SIGTERM: to the worker that runs now, if one does."""
        if self._worker is not None:
            self._newborn |= number == signal.SIGTERM and not self.hears(number)
            self._worker.send_signal(number)

    def hears(self, number: signal.Signals) -> bool:
        """Whether the worker that runs now, if one does, handles a signal itself."""
        if self._worker is None:
            return False
        try:
            status = Path(f"/proc/{self._worker.pid}/status").read_text()
        except FileNotFoundError:  # it has ended
            return True
        caught = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
        return bool(int(caught, 16) >> (number - 1) & 1)

    async def replaced(self, limit_s: float = STOP_LIMIT_S) -> None:
        """Returns when the worker that runs now has ended and another has started, or after `limit_s`."""
        self._started.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await self._started.wait()

    async def close(self) -> int | None:
        """SIGTERM and no successor: the exit code, None where no worker ran."""
        self._closed.set()
        self.send_signal(signal.SIGCONT)
        self.send_signal(signal.SIGTERM)
        worker = self._worker
        if worker is not None:
            await asyncio.to_thread(worker.stop, STOP_LIMIT_S)
        if self._keeping is not None:
            await self._keeping
        return worker.exit_code if worker is not None else None

    async def abandon(self) -> None:
        """Kill the worker; it has no successor. Twice is harmless."""
        self._closed.set()
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        if self._worker is not None:
            await asyncio.to_thread(self._worker.kill)

    async def _keep(self) -> None:
        pause_s = FIRST_PAUSE_S
        while not self._closed.is_set():
            began_s = time.monotonic()
            self._newborn = False
            self._worker = worker = start_worker(self.settings, self.folder)
            self._started.set()
            code = await _end_of(worker)
            self.ended.append(Ended(time.time_ns() // 1_000_000, code, self._newborn))
            if self._wipe:
                shutil.rmtree(self.folder / "data", ignore_errors=True)
                self._wipe = False
            if time.monotonic() - began_s > HEALTHY_S:
                pause_s = FIRST_PAUSE_S
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closed.wait(), pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


async def _end_of(worker: ServerProcess) -> int:
    """The exit code, once it has one."""
    while True:
        if (code := worker.exit_code) is not None:
            return code
        await asyncio.sleep(LOOK_EVERY_S)


def _here(settings: Settings, number: int, broker: str) -> Settings:
    """What a worker is told on a machine; where a shop's workers have names, each gets its own."""
    name = f"{settings.instance_id}-{number}" if settings.instance_id else ""
    return msgspec.structs.replace(settings, broker=broker, instance_id=name)


class Machine:
    """A place for one worker of every shop; what strikes a machine strikes all of them."""

    def __init__(self, number: int, shops: list[Settings], broker: str, folder: Path) -> None:
        self.number = number
        self.places = [
            Place(_here(settings, number, broker), folder / f"{settings.app_id}-{number}") for settings in shops
        ]

    def start(self) -> None:
        """Start its workers."""
        for place in self.places:
            place.start()

    def send_signal(self, number: signal.Signals) -> None:
        """A signal to all of its workers."""
        for place in self.places:
            place.send_signal(number)

    async def kill(self, *, wipe: bool = False) -> None:
        """SIGKILL to all of its workers."""
        await asyncio.gather(*(place.kill(wipe=wipe) for place in self.places))

    async def restart(self) -> None:
        """SIGTERM to all of its workers; returns when each has a successor."""
        replaced = [asyncio.create_task(place.replaced()) for place in self.places]
        await asyncio.sleep(0)
        self.send_signal(signal.SIGTERM)
        await asyncio.gather(*replaced)

"""`kairos worker` as a process: started with an environment, stopped, killed and paused as an operator would."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from streams.settings import PREFIX, Settings, rows

ROOT = Path(__file__).parents[3]
KAIROS = Path(sys.executable).with_name("kairos")
SIGTERM_LIMIT_S = 10.0


class WorkerProcess:
    """A worker; `log` is the file with what it said."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self.process, self.log = process, log

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.process.returncode is None

    def send_signal(self, number: signal.Signals) -> None:
        """SIGSTOP, SIGCONT, SIGTERM."""
        self.process.send_signal(number)

    async def ends(self, limit_s: float = SIGTERM_LIMIT_S) -> int:
        """The exit code. Raises `AssertionError` with the end of its log where it still runs after `limit_s`."""
        try:
            async with asyncio.timeout(limit_s):
                return await self.process.wait()
        except TimeoutError:
            msg = f"expected the worker to end within {limit_s:g} s, it still runs: {self.said()}"
            raise AssertionError(msg) from None

    async def terminate(self) -> int:
        """SIGTERM; the exit code, which has to come within ten seconds."""
        self.send_signal(signal.SIGTERM)
        return await self.ends()

    async def kill(self) -> None:
        """SIGKILL, also where it is paused. Twice is harmless."""
        if self.running:
            self.process.kill()
        await self.process.wait()

    def said(self, last: int = 2_000) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-last:]


async def start_worker(settings: Settings, log: Path) -> WorkerProcess:
    """Start one on these settings; it says what it has to say to the file `log`."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    ours |= {row.variable: row.value for row in rows(settings)}
    with log.open("wb") as said:
        process = await asyncio.create_subprocess_exec(KAIROS, "worker", cwd=ROOT, env=ours, stdout=said, stderr=said)
    return WorkerProcess(process, log)

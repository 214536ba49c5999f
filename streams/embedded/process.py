"""One server process of ours: started with its log in a file, awaited until ready, stopped, never left behind."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Self

_WARDEN: Final = Path(__file__).with_name("warden.py")
_LOOK_EVERY_S: Final = 0.05
_LAST_LINES: Final = 5
_LAST_BYTES: Final = 4_096


class ServerError(RuntimeError):
    """A server could not be started, died, or was not ready in time. One line, with the last lines of its log."""


@contextlib.contextmanager
def server_folder(prefix: str) -> Iterator[Path]:
    """A temporary folder for a server, deleted at the end; on a `ServerError` it stays, for the log in it."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    failed = False
    try:
        yield folder
    except ServerError:
        failed = True
        raise
    finally:
        if not failed:
            shutil.rmtree(folder, ignore_errors=True)


class ServerProcess:
    """A running server in a process group of its own, watched by a warden that ends it when this process ends.

    Blocking and not tied to a thread: from asyncio, call it through `asyncio.to_thread`. Ctrl-C in the terminal
    does not reach the server; whoever started it stops it.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        log: Path,
        env: Mapping[str, str] | None = None,
        scratch: Path | None = None,
    ) -> None:
        """Start `command`, with stdout and stderr appended to `log`. Raises `ServerError` when it cannot be started.

        `env` is the whole environment (None: ours). `scratch` is a folder that is deleted when this process dies
        without having stopped the server; after a normal `stop` it is the caller's to delete.
        """
        self.name = name
        self.log = log
        words = [sys.executable, "-I", "-S", str(_WARDEN), str(os.getpid()), str(scratch or ""), *map(str, command)]
        with log.open("ab") as sink:
            self._warden = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=sink, env=env, start_new_session=True
            )
        with contextlib.ExitStack() as interrupted:
            interrupted.callback(self._warden.kill)  # the server goes with it
            self.pid = self._read_pid(str(command[0]))
            interrupted.pop_all()

    def _read_pid(self, program: str) -> int:
        """The server's pid, as the warden tells it."""
        assert self._warden.stdout is not None
        with self._warden.stdout as told:
            word, _, rest = told.readline().decode(errors="replace").strip().partition(" ")
        if word != "pid":
            self._warden.wait()
            msg = f"{self.name} could not be started: {rest or self.last_lines()}; expected a program at {program}"
            raise ServerError(msg)
        return int(rest)

    @property
    def alive(self) -> bool:
        """Whether the server still runs."""
        return self._warden.poll() is None

    @property
    def exit_code(self) -> int | None:
        """How the server ended, 128 and the signal's number where one killed it; None while it runs."""
        return self._warden.poll()

    def last_lines(self) -> str:
        """The end of the log, in one line."""
        with self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - _LAST_BYTES))
            lines = log.read().decode(errors="replace").split("\n")
        told = [line.strip() for line in lines if line.strip()]
        return " | ".join(told[-_LAST_LINES:]) or "nothing in the log"

    def wait_until_ready(self, ready: Callable[[], bool], timeout_s: float) -> None:
        """Return once `ready()` is true; stop the server and raise `ServerError` if it dies or takes too long.

        `ready` is asked twenty times a second and should answer at once.
        """
        deadline = time.monotonic() + timeout_s
        while not ready():
            if not self.alive:
                msg = f"{self.name} ended with code {self._warden.returncode} before it was ready: {self.last_lines()}"
                raise ServerError(f"{msg}; the log: {self.log}")
            if time.monotonic() > deadline:
                self.stop(limit_s=1)
                msg = f"{self.name} was not ready after {timeout_s:.0f} s: {self.last_lines()}; the log: {self.log}"
                raise ServerError(msg)
            time.sleep(_LOOK_EVERY_S)

    def stop(self, limit_s: float = 10) -> None:
        """End the server: SIGTERM, then SIGKILL to its process group after `limit_s`. Twice is harmless."""
        if self.alive:
            self.send_signal(signal.SIGCONT)  # a paused server could not hear the next one
            self.send_signal(signal.SIGTERM)
        try:
            self._warden.wait(limit_s)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End the server and all it started at once, as a crash would."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        self._warden.wait()

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the server itself (SIGSTOP and SIGCONT pause it and let it go on)."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

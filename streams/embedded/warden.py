"""A small process that stands between us and a server, so that the server never outlives us.

Run as `python -I -S warden.py PARENT_PID SCRATCH COMMAND...` by `process.py`; it imports nothing of ours, to start
in milliseconds. It tells the server's pid (or why it could not be started) in one line on stdout, and exits with
the server's exit code. When the parent is gone, however it died, the server's whole process group is killed and
SCRATCH (a folder, or an empty string) is deleted.

Why not `PR_SET_PDEATHSIG` alone: it watches the parent's thread, not its process, so a server started from a worker
thread dies with that thread; and it does not reach what the server itself started (Triton's Python stubs).
"""

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Final

_LOOK_AT_PARENT_EVERY_S: Final = 0.2
_PR_SET_PDEATHSIG: Final = 1


def _die_with_the_warden() -> None:
    # The warden starts the server from its main thread, so here the signal means what it should.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _kill_group(leader_pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS answers EPERM for a group of zombies
        os.killpg(leader_pid, signal.SIGKILL)


def _kill_without_parent(parent_pid: int, server_pid: int) -> None:
    while os.getppid() == parent_pid:
        time.sleep(_LOOK_AT_PARENT_EVERY_S)
    _kill_group(server_pid)


def _delete(folder: Path) -> None:
    """Delete a folder in which a dying process of the group may still create a file for some milliseconds."""
    for _ in range(40):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.05)


def _tell(line: str) -> None:
    """Write one line to the parent and close: a parent that is gone is noticed later."""
    with contextlib.suppress(BrokenPipeError):
        os.write(1, line.encode() + b"\n")
    os.close(1)


def main(parent_pid: int, scratch: str, command: list[str]) -> int:
    """Start the server, tell its pid, wait for its end, and return its exit code (negative: the signal)."""
    try:
        # The log stands on stderr; stdout is the pipe to the parent, which the server must not hold open.
        server = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=2,
            stderr=2,
            process_group=0,
            preexec_fn=_die_with_the_warden,  # noqa: PLW1509  no thread has been started yet
        )
    except OSError as error:
        _tell(f"error {error}")
        return 127
    threading.Thread(target=_kill_without_parent, args=(parent_pid, server.pid), daemon=True).start()
    _tell(f"pid {server.pid}")
    code = server.wait()
    _kill_group(server.pid)
    if scratch and os.getppid() != parent_pid:
        _delete(Path(scratch))
    return code


if __name__ == "__main__":
    for quiet in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # A handler, not SIG_IGN: the server would inherit that and could not be stopped. The parent's end ends us.
        signal.signal(quiet, lambda *_: None)
    code = main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
    os._exit(code if code >= 0 else 128 - code)

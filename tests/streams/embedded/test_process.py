"""A server of ours is awaited, stopped, and never outlives the process that started it."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from streams.embedded.process import ServerError, ServerProcess

# A server with a child of its own, in the same group, as tritonserver has its Python stubs.
FAMILY = "sleep 300 & echo $! > child.pid; echo ready; wait"
PARENT = """
import sys, time
from pathlib import Path
from streams.embedded.process import ServerProcess
folder = Path(sys.argv[1])
scratch = folder / "scratch"
scratch.mkdir()
server = ServerProcess("family", ["sh", "-c", sys.argv[2]], folder / "log", scratch=scratch)
server.wait_until_ready(lambda: "ready" in (folder / "log").read_text(), 10)
print(server.pid, flush=True)
time.sleep(300)
"""


def gone(pid: int, within_s: float = 5) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        if is_zombie(pid):
            return True
        time.sleep(0.05)
    return False


def deleted(folder: Path, within_s: float = 5) -> bool:
    deadline = time.monotonic() + within_s
    while folder.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    return not folder.exists()


def is_zombie(pid: int) -> bool:
    """An orphan whose init does not reap it is dead all the same (Linux)."""
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z"


def family(folder: Path) -> ServerProcess:
    server = ServerProcess("family", ["sh", "-c", f"cd {folder}; {FAMILY}"], folder / "log")
    server.wait_until_ready(lambda: "ready" in (folder / "log").read_text(), 10)
    return server


def test_a_stopped_server_and_what_it_started_are_gone(tmp_path: Path) -> None:
    server = family(tmp_path)
    child = int((tmp_path / "child.pid").read_text())

    server.stop()

    assert not server.alive
    assert gone(server.pid)
    assert gone(child)


def test_stopping_twice_is_harmless(tmp_path: Path) -> None:
    server = family(tmp_path)

    server.stop()
    server.stop()
    server.kill()

    assert not server.alive


def test_a_server_that_ignores_sigterm_is_killed_after_the_limit(tmp_path: Path) -> None:
    deaf = ServerProcess("deaf", ["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done"], tmp_path / "log")
    deaf.wait_until_ready(lambda: "ready" in (tmp_path / "log").read_text(), 10)

    started = time.monotonic()
    deaf.stop(limit_s=0.5)

    assert 0.4 < time.monotonic() - started < 5
    assert gone(deaf.pid)


def test_a_paused_server_can_be_stopped(tmp_path: Path) -> None:
    server = family(tmp_path)
    server.send_signal(signal.SIGSTOP)

    server.stop(limit_s=5)

    assert gone(server.pid)


def test_a_server_that_dies_early_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    server = ServerProcess("weak", ["sh", "-c", "echo no port for me; exit 3"], tmp_path / "log")

    with pytest.raises(ServerError, match="weak ended with code 3 before it was ready: no port for me"):
        server.wait_until_ready(lambda: False, 10)


def test_a_server_that_is_never_ready_is_stopped_and_reported(tmp_path: Path) -> None:
    server = ServerProcess("slow", ["sleep", "300"], tmp_path / "log")

    with pytest.raises(ServerError, match="slow was not ready after 0 s"):
        server.wait_until_ready(lambda: False, 0.2)

    assert gone(server.pid)


def test_a_program_that_does_not_exist_is_reported_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match=r"nobody could not be started: .*No such file"):
        ServerProcess("nobody", [tmp_path / "nothing-here"], tmp_path / "log")


def test_a_server_survives_the_thread_that_started_it(tmp_path: Path) -> None:
    started: list[ServerProcess] = []
    thread = threading.Thread(target=lambda: started.append(family(tmp_path)))

    thread.start()
    thread.join()
    time.sleep(0.5)

    assert started[0].alive
    started[0].stop()


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_no_process_and_no_scratch_folder_outlive_a_killed_parent(tmp_path: Path, ending: signal.Signals) -> None:
    command = [sys.executable, "-c", PARENT, str(tmp_path), f"cd {tmp_path}; {FAMILY}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        server_pid = int(parent.stdout.readline())
        child_pid = int((tmp_path / "child.pid").read_text())

        parent.send_signal(ending)
        parent.wait(10)

    assert gone(server_pid)
    assert gone(child_pid)
    assert deleted(tmp_path / "scratch")


def test_a_server_dies_with_its_killed_warden(tmp_path: Path) -> None:
    server = family(tmp_path)
    warden_pid = int(Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()[1])

    os.kill(warden_pid, signal.SIGKILL)

    assert gone(server.pid)

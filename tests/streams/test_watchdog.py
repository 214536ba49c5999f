"""A worker that stands still ends; one that works does not."""

import signal
import subprocess
import sys
import time

import pytest

from streams.exit_codes import ExitCode
from streams.watchdog import Watchdog
from tests.streams.clocks import Clock


def test_it_is_stuck_when_nobody_beat_for_longer_than_the_limit():
    clock = Clock(0)
    dog = Watchdog(60.0, now_s=lambda: clock.now_ms() / 1_000)

    clock.at_ms = 60_000
    assert not dog.stuck
    clock.at_ms = 60_001
    assert dog.stuck

    dog.beat()
    assert not dog.stuck


def test_the_time_for_which_the_process_was_frozen_does_not_count():
    clock = Clock(0)
    dog = Watchdog(50.0, now_s=lambda: clock.now_ms() / 1_000)

    clock.at_ms = 90_000
    dog.look()
    assert not dog.stuck

    for clock.at_ms in range(92_000, 139_000, 2_000):
        dog.look()
    assert not dog.stuck

    clock.at_ms = 139_000
    dog.look()
    assert dog.stuck


def test_a_process_frozen_for_longer_than_the_limit_goes_on_and_one_that_stands_still_ends():
    program = """
import asyncio
from streams.watchdog import Watchdog

async def work():
    dog = Watchdog(3.0)
    dog.start()
    for _ in range(20):
        await asyncio.sleep(0.1)
        dog.beat()
    print("working", flush=True)
    await asyncio.sleep(30)

asyncio.run(work())
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as worker:
        assert worker.stdout is not None
        worker.stdout.readline()

        worker.send_signal(signal.SIGSTOP)
        time.sleep(6)
        worker.send_signal(signal.SIGCONT)
        with pytest.raises(subprocess.TimeoutExpired):
            worker.wait(0.5)

        assert worker.wait(25) == ExitCode.NO_PROGRESS


def test_a_blocked_event_loop_ends_with_code_75():
    program = """
import asyncio, time
from streams.watchdog import Watchdog

async def work():
    dog = Watchdog(0.5)
    dog.start()
    for _ in range(5):
        await asyncio.sleep(0.2)
        dog.beat()
    time.sleep(30)

asyncio.run(work())
"""
    began_s = time.monotonic()

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=25, check=False)

    assert ended.returncode == ExitCode.NO_PROGRESS
    assert b"expected progress, got none" in ended.stderr
    assert time.monotonic() - began_s < 20


def test_it_may_look_for_itself_and_says_what_stands_still():
    program = """
import time
from streams.watchdog import Watchdog

until_s = time.monotonic() + 3.0
Watchdog(1.0, work="the work", moves=lambda: time.monotonic() < until_s).start()
time.sleep(30)
"""
    began_s = time.monotonic()

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=25, check=False)

    assert ended.returncode == ExitCode.NO_PROGRESS
    assert b"got none for 1 s: the work" in ended.stderr
    assert time.monotonic() - began_s > 2.0

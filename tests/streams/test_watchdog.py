"""A worker that stands still ends; one that works does not."""

import subprocess
import sys
import time

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


def test_time_for_which_the_whole_process_was_paused_is_not_held_against_the_work():
    clock = Clock(0)
    dog = Watchdog(60.0, now_s=lambda: clock.now_ms() / 1_000)

    clock.at_ms = 92_000
    dog.slept(wanted_s=2.0, took_s=92.0)
    assert not dog.stuck

    clock.at_ms = 151_000
    assert dog.stuck


def test_a_look_that_comes_a_little_late_counts_in_full():
    clock = Clock(0)
    dog = Watchdog(60.0, now_s=lambda: clock.now_ms() / 1_000)

    clock.at_ms = 61_000
    dog.slept(wanted_s=2.0, took_s=6.0)

    assert dog.stuck


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

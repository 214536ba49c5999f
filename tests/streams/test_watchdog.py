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

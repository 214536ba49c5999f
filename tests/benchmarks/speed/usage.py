"""What a process and its children have used, from /proc."""

import os
import time
from pathlib import Path
from typing import Final, NamedTuple

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


class Usage(NamedTuple):
    """At `at_s` (monotonic) a process and its children had used `cpu_s` seconds of CPU, user and system."""

    at_s: float
    cpu_s: float


def usage(pid: int) -> Usage:
    """What a process and its children have used so far. Raises `FileNotFoundError` when it has ended."""
    return Usage(time.monotonic(), sum(_cpu_s(member) for member in tree(pid)))


def rss_mb(pid: int) -> float:
    """The resident memory of a process and its children, shared pages counted once for each."""
    return sum(_rss_kb(member) for member in tree(pid)) / 1024


def tree(pid: int) -> list[int]:
    """The process, its children, theirs, and so on."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return [pid, *(below for thread in threads for child in _children(thread) for below in tree(child))]


def _children(thread: Path) -> list[int]:
    """The processes that a thread started: none when it ended since it was listed, for its process has them then."""
    try:
        return [int(child) for child in (thread / "children").read_text().split()]
    except FileNotFoundError:
        return []


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def _rss_kb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))

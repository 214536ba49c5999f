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
    children = Path(f"/proc/{pid}/task").glob("*/children")
    return [pid, *(below for path in children for child in path.read_text().split() for below in tree(int(child)))]


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def _rss_kb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))

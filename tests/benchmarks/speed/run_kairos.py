"""Runs `kairos worker` over loaded topics, and measures it from its first event to its last commit."""

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from schemas.topics import CART, CLICK, DECISIONS, INTERVENTIONS, PURCHASE, SUPPRESSED, TIMELINE
from speed.load import KAIROS
from speed.offsets import Offsets, committed_values, modes
from speed.rows import Row, row
from speed.usage import Usage, rss_mb, usage

INPUTS: Final = (CLICK.name, CART.name, PURCHASE.name)
CHECKOUT: Final = Path(__file__).parents[3]
START_LIMIT_S: Final = 60.0
SLOWEST_PER_S: Final = 5_000
READS_TIMELINE: Final = "reading on from offset"
"""What the worker logs when it has loaded a partition of the timeline and begins to read it."""
_LOOK_EVERY_S: Final = 0.1
_STOP_LIMIT_S: Final = 15.0


class WorkerError(RuntimeError):
    """A worker did not do its work. One line, with the end of its log."""


class Job(NamedTuple):
    """A worker to be measured: a set of topics, its stages, and further settings as environment variables."""

    bootstrap: str
    prefix: str
    stages: str
    settings: Mapping[str, str]

    @property
    def app_id(self) -> str:
        """The consumer group."""
        return f"{self.prefix}kairos"

    def environment(self) -> dict[str, str]:
        """The environment of the worker."""
        own = {
            "KAIROS_BROKER": self.bootstrap,
            "KAIROS_TOPIC_PREFIX": self.prefix,
            "KAIROS_APP_ID": self.app_id,
            "KAIROS_STAGES": self.stages,
            "KAIROS_CLOCK": "topic",
            "KAIROS_LOG_LEVEL": "info",
            "KAIROS_METRICS_PORT": "0",
        }
        return {**os.environ, **own, **self.settings}


Beside = Callable[[int], contextlib.AbstractContextManager[None]]


def _nothing(_pid: int) -> contextlib.AbstractContextManager[None]:
    return contextlib.nullcontext()


class Look(NamedTuple):
    """One look at the broker and at the processes."""

    worker: Usage
    triton: Usage | None


@contextlib.contextmanager
def worker(job: Job) -> Iterator["Worker"]:
    """A running worker, stopped at the end."""
    with tempfile.TemporaryDirectory(prefix="kairos-bench-") as folder:
        log, env = Path(folder, "log"), {**job.environment(), "KAIROS_DATA_DIR": folder}
        with log.open("ab") as sink:
            process = subprocess.Popen([KAIROS, "worker"], env=env, cwd=CHECKOUT, stdout=sink, stderr=sink)
        try:
            yield Worker(process, log)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(_STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class Worker:
    """A worker that runs, with its log."""

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path) -> None:
        self.pid = process.pid
        self._process, self._log = process, log

    def check(self, doing: str) -> None:
        """Raises `WorkerError` when it has ended."""
        if self._process.poll() is not None:
            raise self.failed(f"ended with {self._process.returncode} while {doing}")

    def said(self, words: str) -> bool:
        """Whether these words stand in the log."""
        return words in self._log.read_text()

    def failed(self, how: str) -> WorkerError:
        """An error with the end of the log."""
        lines = [line for line in self._log.read_text().splitlines() if line.strip()]
        return WorkerError(f"the worker {how}; it said: {' | '.join(lines[-3:]) or 'nothing'}")


def measure(name: str, job: Job, events: int, triton_pid: int | None = None, beside: Beside = _nothing) -> Row:
    """Let a worker work through its loaded topics. Raises `WorkerError` when it does not.

    `beside` is entered with the worker's pid and left when the work is done.
    """
    with Offsets(job.bootstrap, job.app_id) as offsets, worker(job) as running, beside(running.pid):
        looks = _watched(job, events, offsets, running, triton_pid)
        rss = rss_mb(running.pid)
    begin, end = looks[0], looks[-1]
    made = row(name, events, begin.worker, end.worker, rss)
    if "decide" not in job.stages:
        return made
    return _with_outputs(made, job, begin.triton, end.triton)


def _watched(job: Job, events: int, offsets: Offsets, running: Worker, triton_pid: int | None) -> list[Look]:
    """Looks from just before the first event to the last commit."""
    stages, prefix = job.stages.split(","), job.prefix
    inputs = [prefix + name for name in INPUTS] if "ingest" in stages else []
    timeline = [prefix + TIMELINE.name]
    last = timeline if "decide" in stages else inputs
    looks, deadline = list[Look](), time.monotonic() + START_LIMIT_S + events / SLOWEST_PER_S
    while True:
        running.check("working")
        used, triton = usage(running.pid), usage(triton_pid) if triton_pid else None
        begun = any(offsets.ends(timeline).values()) if inputs else running.said(READS_TIMELINE)
        if not begun:
            looks.clear()
        looks.append(Look(used, triton))
        committed, ends = offsets.committed({*inputs, *last}), offsets.ends({*inputs, *last})
        if sum(ends[part] for part in ends if part[0] in last) >= events and committed == ends:
            return looks
        if time.monotonic() > deadline:
            raise running.failed(f"was not done in time: {sum(committed.values())} of {sum(ends.values())} committed")
        time.sleep(_LOOK_EVERY_S)


def _with_outputs(made: Row, job: Job, begin: Usage | None, end: Usage | None) -> Row:
    by_mode = modes(job.bootstrap, job.prefix + DECISIONS.name)
    out = {f"decisions by {mode}": count for mode, count in by_mode.items()}
    for name in (SUPPRESSED.name, *(topic.name for topic in INTERVENTIONS.values())):
        out[name.removeprefix("shop.")] = len(committed_values(job.bootstrap, job.prefix + name))
    triton = None if begin is None or end is None else (end.cpu_s - begin.cpu_s) / made.events * 1e6
    return msgspec.structs.replace(
        made,
        records_out=out,
        scored_share=round(by_mode.get("model", 0) / made.events, 4),
        triton_cpu_s_per_million=None if triton is None else round(triton, 2),
    )

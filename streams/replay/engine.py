"""Replaying a log: sorted where it must be, cut into shares, and these done side by side."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import click
import msgspec

from streams.core.policy.rules import PolicyRules
from streams.core.shard import Rules
from streams.replay.crew import Show, do_all
from streams.replay.formats.table import FORMATS, RecordedLog
from streams.replay.job import IN_MEMORY, SPOOL, Done, Job
from streams.replay.logs import EventLog, LineLog, Log, ParquetLog
from streams.replay.on_ray import do_all_on_ray
from streams.replay.outcomes import outcomes
from streams.replay.reading import NotInOrderError
from streams.replay.scorers import By, ModelFile
from streams.replay.share import Share
from streams.replay.sort import sort_to
from streams.replay.summary import SUMMARY_FILE, Summary, summary
from streams.replay.tally import Tally
from streams.replay.topic_files import OUTCOMES, TopicFiles

Engine = Literal["processes", "ray"]
"""Where the shares of a log are done: in processes of this machine, or on a Ray cluster."""
Phase = Callable[[str], Show]
"""Is told what begins, and answers who is told how far that is."""


def silent(_: str) -> Show:
    """Tells nobody."""
    return lambda *_: None


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to replay, and how. `name` is what the user called the log. `out` must be a new or empty folder."""

    name: str
    log: Log
    rules: Rules
    policy: PolicyRules
    by: By
    model: ModelFile
    processes: int
    out: str | None = None
    keep_timeline: bool = False
    engine: Engine = "processes"
    in_memory: int = IN_MEMORY


def run(plan: Plan, phase: Phase = silent) -> Summary:
    """Replay, and write `summary.json` beside the outputs. Errors: `ValueError` and `click.ClickException`, one line.

    Outputs and that file are the same bytes for the same log, whatever the number of processes.
    """
    require_empty(plan.out)
    began_s = time.monotonic()
    try:
        done = _done(plan, phase, plan.log)
    except NotInOrderError:
        _empty(plan.out)
        done = _done(plan, phase, plan.log, sort=True)
    tally, seconds = Tally(), time.monotonic() - began_s
    for one in done:
        tally.add(one.tally)
    policy, whole = f"{plan.policy.id} {plan.policy.version}", all(one.whole for one in done)
    found = summary(plan.name, format_of(plan.log), policy, tally, complete=whole)
    if plan.out is not None:
        _tell_outcomes(Path(plan.out), tally.end_ms, plan.rules.cart_idle_ms)
        (Path(plan.out) / SUMMARY_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(found)) + b"\n")
    rate = round(found.input.read / seconds, 1) if seconds else 0.0
    return msgspec.structs.replace(found, seconds=round(seconds, 3), events_per_s=rate)


def _tell_outcomes(out: Path, end_ms: int, cart_idle_ms: int) -> None:
    with TopicFiles(out) as files:
        for share in sorted((out / SPOOL).iterdir(), key=lambda path: int(path.name)):
            for partition, outcome in outcomes(share, end_ms, cart_idle_ms):
                files.append(OUTCOMES, partition, outcome)
    shutil.rmtree(out / SPOOL)


def _done(plan: Plan, phase: Phase, log: Log, *, sort: bool = False) -> list[Done]:
    with _in_order(log, phase, sort=sort) as ordered:
        jobs = [_job(plan, ordered, Share(nth, plan.processes)) for nth in range(plan.processes)]
        return (do_all_on_ray if plan.engine == "ray" else do_all)(jobs, phase("replaying"))


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def format_of(log: Log) -> str:
    """What a log is, in a word or two."""
    if isinstance(log, EventLog):
        return ", ".join(dict.fromkeys(log.formats))
    if isinstance(log, LineLog):
        return "timeline, JSON Lines"
    return "timeline, Parquet" if isinstance(log, ParquetLog) else "timeline, topic"


def _job(plan: Plan, log: Log, share: Share) -> Job:
    return Job(
        log=log,
        share=share,
        rules=plan.rules,
        policy=plan.policy,
        by=plan.by,
        model=plan.model,
        in_memory=plan.in_memory,
        out=plan.out,
        keep_timeline=plan.keep_timeline,
    )


def require_empty(out: str | None) -> None:
    """Files of an earlier run among those of this one would be a lie."""
    if out is None:
        return
    folder = Path(out)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise click.ClickException(f"expected a new or empty folder for --out, {folder} is not; choose another")


def _empty(out: str | None) -> None:
    """Take away what was written, into a folder that was empty before."""
    for path in Path(out).iterdir() if out is not None and Path(out).exists() else ():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


@contextmanager
def _in_order(log: Log, phase: Phase, *, sort: bool) -> Iterator[Log]:
    """The log, in the order of time: where it is not, as one sorted file, which is there for as long as this lasts."""
    if not isinstance(log, EventLog) or not (sort or any(not FORMATS[name].in_order for name in log.formats)):
        yield log
        return
    files = [RecordedLog(Path(file), name, log.currency) for file, name in zip(log.files, log.formats, strict=True)]
    size, show = sum(one.file.size for one in files), phase("sorting")
    with TemporaryDirectory(prefix="kairos-replay-") as folder:
        path = Path(folder) / "sorted.jsonl"

        def tell(read: int) -> None:
            show(sum(one.file.position for one in files) / max(size, 1), read)

        sort_to(path, chain.from_iterable(one.as_written() for one in files), tell)
        sorted_log = {"files": (str(path),), "formats": ("simulated",), "sorted_from": len(files)}
        yield msgspec.structs.replace(log, **sorted_log)

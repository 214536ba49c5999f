"""Training examples from a log: the requests that the live path would have made, with what came of them.

Training so sees what serving sees: the log runs through the very pipeline, and a request is taken where it is made.
"""

import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from heapq import merge
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from inference.dataset import Example
from streams.core.shard import Rules
from streams.quiet import quiet
from streams.replay.crew import told, whole
from streams.replay.example_share import Labels, ShareOfExamples, label, read
from streams.replay.formats.table import RecordedLog
from streams.replay.log_counts import LogCounts
from streams.replay.moments import PARTITIONS
from streams.replay.share import Share
from streams.replay.sort import sort_to


def examples(
    log: Path,
    rules: Rules = Rules(),  # noqa: B008 a frozen record
    processes: int = 1,
    counts: LogCounts | None = None,
) -> Iterator[Example]:
    """The examples of a log file, in the order of the log: the same whatever the number of processes.

    `log` may be the folder of `kairos simulate`. Where it left a truth beside the log, examples have that too. What
    waits for its labels waits on disk, in TMPDIR. What the log is like is added to `counts` before the first example
    comes. Raises `UnreadableFile`.
    """
    log = log / "events.jsonl" if log.is_dir() else log
    with TemporaryDirectory(prefix="kairos-examples-") as folder:
        shares = _labelled(_tasks(log, rules, processes, Path(folder)))
        if counts is not None:
            for share in shares:
                counts.add(share.counts)
        files = [file for share in shares for file in share.files]
        for one in merge(*map(read, files), key=lambda one: one.place):
            yield one.example


def _tasks(log: Path, rules: Rules, processes: int, folder: Path) -> list[ShareOfExamples]:
    recorded, truth, count = RecordedLog(log), log.with_name("truth.jsonl"), min(processes, PARTITIONS)
    path, name = log, recorded.format_name
    if not recorded.in_order:
        path, name = folder / "sorted.jsonl", "simulated"
        sort_to(path, recorded.as_written())
    return [
        ShareOfExamples(
            log=str(path),
            format_name=name,
            truth=str(truth) if truth.exists() else None,
            rules=rules,
            share=Share(nth, count),
            folder=str(folder / str(nth)),
        )
        for nth in range(count)
    ]


def _labelled(tasks: list[ShareOfExamples]) -> list[Labels]:
    """The files of each share, made side by side."""
    if len(tasks) == 1:
        return [label(tasks[0])]
    with ProcessPoolExecutor(len(tasks), get_context("spawn"), initializer=_arrive) as pool:
        return [whole(found) for found in pool.map(_label_away, tasks)]


def _arrive() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it without a word: nothing of it is kept
    quiet()


def _label_away(task: ShareOfExamples) -> Labels | Exception:
    return told(lambda: label(task))

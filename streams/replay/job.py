"""The unit of work of a replay: one share of the partitions of one log, from its beginning to its end.

A job is plain data, and so is what comes of it: it may be done in this process, in another, or on another machine that
reads the same files.
"""

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from tempfile import gettempdir
from typing import Final, Protocol

import click
import msgspec

from schemas.shopper import Meta
from streams.core.policy.rules import PolicyRules
from streams.core.shard import Rules, Shard
from streams.pipeline import Partition
from streams.replay.books import Books
from streams.replay.lane import Lane
from streams.replay.logs import EventLog, LineLog, Log, ParquetLog
from streams.replay.parquet import ParquetReading
from streams.replay.reading import EventReading, LineReading, Reading
from streams.replay.recorded import known_scores
from streams.replay.scorers import By, ByModel, ByRecord, ByRules, ModelFile, Scorer
from streams.replay.share import Share
from streams.replay.shelf import Disk, Shelf
from streams.replay.spool import Spool
from streams.replay.tally import Tally
from streams.replay.timeline import EVERY_PARTITION, Logged
from streams.replay.topic_files import TopicFiles
from streams.replay.topics import TopicReading
from streams.replay.virtual_lane import LogTime, VirtualLane
from streams.replay.witness import Witness
from streams.table.store import StoreFailed

SPOOL: Final = ".spool"
"""The folder, below that for files, for what tells at the end what came of decisions: one for each share."""
IN_MEMORY: Final = 50_000
"""So many shoppers of a log are objects in memory, some 5 kB each when they have a long history: 250 MB."""
NO_DISK: Final = (
    "expected to keep shoppers who are quiet in {}, got {}; make room there, set TMPDIR to a folder with more of it, "
    "or replay with --in-memory 0"
)
LOOK_EVERY: Final = 1_024
"""After so many records it is told how far the job is, and looked whether it should stop."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """`model` is asked where the scores are `by` model. `out` is where files go, None for nowhere.

    `in_memory`: how many shoppers of all shares together, the rest is on disk; 0: all, nothing on disk.
    """

    log: Log
    share: Share
    rules: Rules
    policy: PolicyRules
    by: By
    model: ModelFile
    in_memory: int = IN_MEMORY
    out: str | None = None
    keep_timeline: bool = False


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What a job came to. `whole` is False where it was stopped before the end of the log."""

    tally: Tally
    whole: bool


class Watch(Protocol):
    """Who wants to know how far a job is, and may stop it."""

    def tell(self, share: Share, done: float, events: int) -> None: ...
    def stopped(self) -> bool: ...


def do(job: Job, watch: Watch) -> Done:
    """Replay a share of a log. Errors: one-line `ValueError` and `click.ClickException` of the log and the scorer."""
    try:
        return _written(job, watch)
    except StoreFailed as error:
        raise click.ClickException(NO_DISK.format(gettempdir(), error.__cause__)) from None


def _written(job: Job, watch: Watch) -> Done:
    if job.out is None:
        return _do(job, watch, Books(None))
    with TopicFiles(Path(job.out)) as files, Spool(Path(job.out) / SPOOL / str(job.share.nth)) as spool:
        books = Books(files, Witness(spool), keep_timeline=job.keep_timeline)
        done = _do(job, watch, books)
        books.close()
        return done


def reading(log: Log, share: Share, books: Books) -> Reading:
    """The log, opened for one share."""
    if isinstance(log, EventLog):
        return EventReading(log, share, books)
    if isinstance(log, LineLog):
        return LineReading(log, share, books)
    return ParquetReading(log, share, books) if isinstance(log, ParquetLog) else TopicReading(log, share, books)


def _do(job: Job, watch: Watch, books: Books) -> Done:
    log = reading(job.log, job.share, books)
    records = log.records()
    with Disk() as disk:
        lanes = Lanes(job, books, disk)
        while some := list(islice(records, LOOK_EVERY)):
            lanes.give(some)
            watch.tell(job.share, log.done(), books.tally.timeline + books.tally.refused)
            if watch.stopped():
                break
        lanes.end()
    whole = not some
    watch.tell(job.share, 1.0 if whole else log.done(), books.tally.timeline + books.tally.refused)
    return Done(tally=books.tally, whole=whole)


class Lanes:
    """The partitions of a share: those of a log of events from the beginning, those of a timeline as they come."""

    def __init__(self, job: Job, books: Books, disk: Disk) -> None:
        self._job, self._books, self._scorer, self._disk = job, books, _scorer(job, books), disk
        self._most = job.in_memory // job.share.of
        self._time, self._virtual = LogTime(), list[VirtualLane]()
        if isinstance(job.log, EventLog):
            mine = filter(job.share.has, range(job.log.ingest.partitions))
            self._virtual = [VirtualLane(number, self._nobody(), self._scorer, books, self._time) for number in mine]
        self._lanes: dict[int, Lane] = {lane.number: lane for lane in self._virtual}

    def give(self, records: Iterable[tuple[int, Logged]]) -> None:
        """Each record to its partition, a TICK for every partition to all."""
        lanes = self._lanes
        for number, record in records:
            if number == EVERY_PARTITION:
                self._time.move(record, self._virtual)
            elif number in lanes:
                lanes[number].give(record)
            else:
                lanes[number] = Lane(number, self._nobody(), self._scorer, self._books)
                lanes[number].give(record)
        if self._most:
            for lane in lanes.values():
                lane.cool(max(1, self._most // len(lanes)))

    def end(self) -> None:
        """The log has ended, or is given up."""
        for lane in self._lanes.values():
            lane.end()

    def _nobody(self) -> Partition:
        """A partition at the beginning of its log."""
        shard = Shard()
        shard.restore(Shelf(self._disk), Meta())
        return Partition(shard, self._job.rules, self._job.policy)


def _scorer(job: Job, books: Books) -> Scorer:
    if job.by == "model":
        return ByModel(job.model)
    return ByRules() if job.by == "rules" else ByRecord(known_scores(job.log, job.share), books.tally)

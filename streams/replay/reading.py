"""Reading a log: the timeline records of one share of its partitions, and how far it has been read."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

import msgspec

from schemas.dead_letters import DeadLetter
from streams.core.partitions import timeline_partition
from streams.feed import Arrival
from streams.replay.books import Books, unreadable
from streams.replay.formats.bad_line import NO_TIME, never_backwards, source_of
from streams.replay.formats.lines import LineFile
from streams.replay.formats.rees46 import Mine
from streams.replay.formats.table import FORMATS, RecordedLog
from streams.replay.logs import EventLog, LineLog
from streams.replay.share import Share
from streams.replay.tally import Row
from streams.replay.timeline import Cut, Logged, VirtualIngest
from streams.replay.timeline_lines import decode_line

Records = Iterator[tuple[int, Logged]]


MOST_BACK_MS: Final = 3_600_000
"""A row may be older by so much than one before it: shops' logs are a little out of order, and that is theirs to be."""


class NotInOrderError(Exception):
    """A log of events is not in the order of time: it has to be sorted. Says where that was seen."""


class Reading(Protocol):
    """A log that is being read. Errors: those of its kind, in one line."""

    def records(self) -> Records:
        """Partition and record, those of a partition in its order. What cannot be believed goes to the books."""

    def done(self) -> float:
        """How much of it is read, in [0, 1]."""


class EventReading:
    """Events become a timeline, as ingest would write it."""

    def __init__(self, log: EventLog, share: Share, books: Books) -> None:
        self._log, self._books = log, books
        self._files = [
            RecordedLog(Path(file), name, log.currency) for file, name in zip(log.files, log.formats, strict=True)
        ]
        self._now = self._files[0]
        ingest = log.ingest
        cut = Cut(ingest.partitions, share, keyed=all(FORMATS[name].keyed for name in log.formats))
        self._mine = _mine(ingest.partitions, share) if share.of > 1 else None
        self._ingest = VirtualIngest(ingest.lateness_ms, ingest.max_clock_ahead_ms, cut, self._refuse)

    def records(self) -> Records:
        """All of them, until log time has run on."""
        return self._ingest.partitions(self._arrivals(), self._log.ingest.run_on_ms)

    def done(self) -> float:
        """By the bytes of the files."""
        sizes = sum(log.file.size for log in self._files)
        return sum(log.file.position for log in self._files) / max(sizes, 1)

    def _arrivals(self) -> Iterator[Arrival]:
        return never_backwards(self._in_order())

    def _in_order(self) -> Iterator[Arrival]:
        now_ms = NO_TIME
        for file in self._files:
            self._now = file
            for arrival in file.as_written(self._mine):
                if arrival.at_ms < now_ms - MOST_BACK_MS and arrival.at_ms != NO_TIME:
                    raise NotInOrderError(f"{file.file.path.name}:{file.file.number}")
                now_ms = max(now_ms, arrival.at_ms)
                yield arrival

    def _refuse(self, partition: int, arrival: Arrival, letter: DeadLetter) -> None:
        file = self._now.file
        where = f"{file.path.name}:{file.number}"
        if self._log.sorted_from:
            where = _message_id(arrival) or where  # the line of the log it was before it was sorted
        self._books.refuse(partition, Row((0, self._ingest.read), source_of(arrival) or where), letter)


class LineReading:
    """A timeline as JSON Lines. A file whose name is a number holds that partition and no other."""

    def __init__(self, log: LineLog, share: Share, books: Books) -> None:
        self._share, self._books = share, books
        files = [(nth, LineFile(Path(file)), partition_in(file)) for nth, file in enumerate(log.files)]
        self._files = [(nth, file, only) for nth, file, only in files if only is None or share.has(only)]

    def records(self) -> Records:
        """A line that is no record, or whose offset is not beyond the one before it, is refused."""
        order = Order()
        for nth, file, only in self._files:
            for number, line in file.numbered():
                try:
                    partition, record = decode_line(line)
                    order.check(partition, record)
                except ValueError as reason:  # msgspec's and base64's errors are ValueErrors
                    if only is not None or self._share.nth == 0:
                        row = Row((nth, number), f"{file.path.name}:{number}")
                        self._books.refuse(only or 0, row, unreadable(reason))
                    continue
                if self._share.has(partition):
                    yield partition, record

    def done(self) -> float:
        """By the bytes of the files."""
        files = [file for _, file, _ in self._files]
        return sum(file.position for file in files) / max(sum(file.size for file in files), 1)


class Order:
    """Sees to it that offsets rise within a partition."""

    def __init__(self) -> None:
        self._last: dict[int, int] = {}

    def check(self, partition: int, record: Logged) -> None:
        """Raises `ValueError`."""
        last = self._last.get(partition, -1)
        if record.offset <= last:
            msg = f"expected an offset above {last} in partition {partition}, got {record.offset}"
            raise ValueError(msg)
        self._last[partition] = record.offset


def partition_in(file: str) -> int | None:
    """The one partition that a file of a timeline holds, by its name; None where it may hold several.

    >>> partition_in("out/shop.timeline.v1/3.jsonl.gz"), partition_in("out/all.jsonl")
    (3, None)
    """
    name = Path(file).name.partition(".")[0]
    return int(name) if name.isdecimal() else None


def _mine(partitions: int, share: Share) -> Mine:
    return lambda key: share.has(timeline_partition(key, partitions))


def _message_id(arrival: Arrival) -> str | None:
    with suppress(msgspec.DecodeError, UnicodeDecodeError):
        found = msgspec.json.decode(arrival.value)
        return found.get("messageId") if isinstance(found, dict) else None
    return None

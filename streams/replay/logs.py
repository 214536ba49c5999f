"""What a LOG is: events of some system, which become a timeline here, or a timeline that was recorded."""

import msgspec


class Ingest(msgspec.Struct, frozen=True, kw_only=True):
    """How events become a timeline, cut into `partitions`. Times are log time."""

    partitions: int
    lateness_ms: int
    max_clock_ahead_ms: int
    run_on_ms: int


class EventLog(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Files of events, one after the other, in the order of time. `formats` are by file.

    `sorted_from`: how many files they were sorted from, into one of the form that `kairos simulate` writes.
    """

    files: tuple[str, ...]
    formats: tuple[str, ...]
    ingest: Ingest
    currency: str = "USD"
    sorted_from: int = 0


class LineLog(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A timeline as JSON Lines. What was told stands in `folder`, where there is one."""

    files: tuple[str, ...]
    folder: str | None = None


class ParquetLog(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A timeline as Parquet: the columns partition, offset, at_ms, key, value. `folder` as above."""

    files: tuple[str, ...]
    folder: str | None = None


class TopicLog(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A timeline on Kafka: `start` and `end` are offsets by partition, the end is the first that is left out."""

    broker: str
    prefix: str
    start: dict[int, int]
    end: dict[int, int]


Log = EventLog | LineLog | ParquetLog | TopicLog

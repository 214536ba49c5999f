"""From what a user names to a log: a file, a folder, or a topic."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click
from aiokafka import TopicPartition

from schemas.topics import TIMELINE
from streams.feeder import run_on_ms
from streams.replay.formats.lines import LineFile, UnreadableFile
from streams.replay.formats.table import FORMATS, detected
from streams.replay.logs import EventLog, Ingest, LineLog, Log, ParquetLog, TopicLog
from streams.replay.parquet import MAGIC
from streams.replay.timeline_lines import is_line
from streams.replay.topics import TopicReader
from streams.settings import Settings

TIMELINE_FORMAT: Final = "timeline"
_KAFKA: Final = re.compile(r"kafka://(?P<broker>[^/\s]+)(?:/(?P<topic>[^/\s]+))?/?")
_HIDDEN_BESIDE: Final = {"truth.jsonl"}
"""What `kairos simulate` writes beside its log."""


def find_log(text: str, format_name: str | None, currency: str, settings: Settings) -> Log:
    """The log that `text` names: `kafka://HOST:PORT/TOPIC`, a file or a folder. Errors: one line, of click."""
    if named := _KAFKA.fullmatch(text):
        topic = named["topic"] or settings.topic_prefix + TIMELINE.name
        return _topic_log(named["broker"], topic)
    path = Path(text)
    if format_name in (None, TIMELINE_FORMAT):
        timeline = _timeline(path)
        if timeline is not None:
            return timeline
        if format_name == TIMELINE_FORMAT:
            reason = f"no timeline in it: JSON Lines or Parquet, or a folder of them or with {TIMELINE.name} in it"
            raise UnreadableFile(path, reason)
    found = _event_files(path, format_name)
    return EventLog(
        files=tuple(str(file) for file, _ in found),
        formats=tuple(name for _, name in found),
        currency=currency,
        ingest=Ingest(
            partitions=settings.timeline_partitions,
            lateness_ms=round(settings.lateness_s * 1_000),
            max_clock_ahead_ms=round(settings.max_clock_ahead_s * 1_000),
            run_on_ms=run_on_ms(settings),
        ),
    )


def _timeline(path: Path) -> LineLog | ParquetLog | None:
    if path.is_dir():
        inner = path if path.name == TIMELINE.name else path / TIMELINE.name
        files = sorted(file for file in (inner if inner.is_dir() else path).iterdir() if _is_seen(file))
    else:
        inner, files = path.parent, [path]
    folder = str(inner.parent) if inner.name == TIMELINE.name and inner.is_dir() else None
    if files and all(_begins(file, MAGIC) for file in files):
        return ParquetLog(files=tuple(map(str, files)), folder=folder)
    if files and all(is_line(LineFile(file).first()) for file in files):
        return LineLog(files=tuple(map(str, files)), folder=folder)
    return None


def _event_files(path: Path, format_name: str | None) -> list[tuple[Path, str]]:
    """The files of a log of events, each with its format. Of a folder without a format named, those of known ones."""
    if not path.is_dir():
        return [(path, format_name or detected(LineFile(path)))]
    found, left_out = list[tuple[Path, str]](), list[str]()
    for file in sorted(file for file in path.iterdir() if _is_seen(file) and file.name not in _HIDDEN_BESIDE):
        try:
            found.append((file, format_name or detected(LineFile(file))))
        except UnreadableFile:
            left_out.append(file.name)
    if not found:
        formats = ", ".join((*FORMATS, TIMELINE_FORMAT))
        raise UnreadableFile(path, f"no file in it is of a known format ({formats}); name one with --format")
    if left_out:
        click.echo(f"left out, of no known format: {', '.join(left_out)}", err=True)
    return found


def _is_seen(file: Path) -> bool:
    return file.is_file() and not file.name.startswith((".", "_"))


def _begins(file: Path, magic: bytes) -> bool:
    try:
        with file.open("rb") as opened:
            return opened.read(len(magic)) == magic
    except OSError as exc:
        raise UnreadableFile(file, exc.strerror) from None


def _topic_log(broker: str, topic: str) -> TopicLog:
    if not topic.endswith(TIMELINE.name):
        msg = f"expected a timeline topic, whose name ends with {TIMELINE.name}, got {topic}; see `kairos topics`"
        raise click.ClickException(msg)
    with TopicReader(broker) as reader:
        parts = reader.partitions(topic)
        start, end = reader.beginnings(parts), reader.ends(parts)
    prefix = topic.removesuffix(TIMELINE.name)
    return TopicLog(broker=broker, prefix=prefix, start=_by_number(start), end=_by_number(end))


def between(log: Log, start: str | None, end: str | None) -> Log:
    """The log from here to there: an offset in each partition, or a time of appending, in ISO 8601.

    Raises one line of click where the log is no topic, or a place is neither.
    """
    if start is None and end is None:
        return log
    if not isinstance(log, TopicLog):
        raise click.UsageError("--from and --to are for a topic: kafka://HOST:PORT/TOPIC")
    with TopicReader(log.broker) as reader:
        parts = reader.partitions(log.prefix + TIMELINE.name)
        starts = dict(log.start) if start is None else _places(reader, parts, start)
        ends = dict(log.end) if end is None else _places(reader, parts, end)
    first = {number: max(at, log.start[number]) for number, at in starts.items()}
    last = {number: min(at, log.end[number]) for number, at in ends.items()}
    return TopicLog(broker=log.broker, prefix=log.prefix, start=first, end=last)


def _places(reader: TopicReader, parts: list[TopicPartition], text: str) -> dict[int, int]:
    if text.isdecimal():
        return {part.partition: int(text) for part in parts}
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        msg = f"expected an offset or a time like 2026-11-24T12:00:00Z in --from and --to, got {text!r}"
        raise click.UsageError(msg) from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return _by_number(reader.at_time(parts, int(moment.timestamp() * 1_000)))


def _by_number(offsets: Mapping[TopicPartition, int]) -> dict[int, int]:
    return {part.partition: offset for part, offset in offsets.items()}

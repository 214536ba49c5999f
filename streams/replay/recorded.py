"""What a run told, as it stands on its topics or in the files of a replay, for one share of the partitions."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from schemas.decisions import decode_decision
from schemas.topics import DECISIONS, INTERVENTIONS, SUPPRESSED, Topic
from streams.core.partitions import timeline_partition
from streams.replay.crash_free import Told
from streams.replay.formats.lines import LineFile, UnreadableFile
from streams.replay.logs import EventLog, LineLog, Log, ParquetLog, TopicLog
from streams.replay.scorers import Known, known
from streams.replay.share import Share
from streams.replay.topics import TopicReader

OUTPUTS: Final = (DECISIONS, SUPPRESSED, *INTERVENTIONS.values())


class _Line(msgspec.Struct):
    """A line of `streams/replay/topic_files.py`."""

    topic: str
    key: str
    headers: dict[str, str]
    record: msgspec.Raw


_decode: Final = msgspec.json.Decoder(_Line).decode


def told(log: Log, share: Share, topics: Sequence[Topic] = OUTPUTS) -> Iterator[Told]:
    """The records on these topics about shoppers of this share. Raises `ValueError` where nothing can be recorded."""
    if isinstance(log, TopicLog):
        return _on_topics(log, share, topics)
    return _in_files(_folder(log), share, topics)


def known_scores(log: Log, share: Share) -> dict[tuple[str, str], Known]:
    """What must be known of every recorded decision to take it again. One that cannot be read raises `ValueError`."""
    return dict(known(decode_decision(one.value)) for one in told(log, share, (DECISIONS,)))


def _folder(log: EventLog | LineLog | ParquetLog) -> Path:
    if isinstance(log, EventLog) or log.folder is None:
        msg = (
            "expected a recorded timeline with what was told beside it: a topic (kafka://HOST:PORT/TOPIC), or a folder "
            "that `kairos replay --keep-timeline` wrote; got a log of events"
        )
        raise ValueError(msg)
    return Path(log.folder)


def _in_files(folder: Path, share: Share, topics: Sequence[Topic]) -> Iterator[Told]:
    for topic in topics:
        for path in sorted((folder / topic.name).glob("*.jsonl*"), key=lambda path: (len(path.name), path.name)):
            number = path.name.partition(".")[0]
            if not number.isdecimal() or share.has(int(number)):
                yield from _in_file(LineFile(path))


def _in_file(file: LineFile) -> Iterator[Told]:
    for number, text in file.numbered():
        try:
            line = _decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError) as exc:
            raise UnreadableFile(file.path, f"line {number}: {exc}") from None
        headers = tuple((name, value.encode()) for name, value in line.headers.items())
        yield Told(line.topic, line.key.encode(), bytes(line.record), headers)


def _on_topics(log: TopicLog, share: Share, topics: Sequence[Topic]) -> Iterator[Told]:
    count = len(log.end)
    with TopicReader(log.broker) as reader:
        parts = [part for topic in topics for part in reader.partitions(log.prefix + topic.name)]
        for record in reader.read(reader.beginnings(parts), reader.ends(parts)):
            if share.has(timeline_partition(record.key, count)):
                yield Told(record.topic.removeprefix(log.prefix), record.key, record.value, tuple(record.headers))

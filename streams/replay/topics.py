"""Reading topics of a broker from one offset to another, as a reader of committed records, without an event loop of
one's own: a notebook has one already."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator, Mapping
from typing import Any, Final, TypeVar

import click
from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.topics import TIMELINE
from streams.broker_errors import talking_to
from streams.replay.books import Books
from streams.replay.logs import TopicLog
from streams.replay.reading import Records
from streams.replay.share import Share
from streams.replay.timeline import Logged
from streams.replay.timeline_lines import log_time_ms

T = TypeVar("T")
Ends = Mapping[TopicPartition, int]
POLL_MS: Final = 200
STANDS_STILL_S: Final = 20.0
ANSWERS_WITHIN_S: Final = 30.0


class TopicsUnread(click.ClickException):
    """Topics are not there, or cannot be read to where they should be."""


class TopicReader:
    """A consumer on an event loop in a thread of its own. Use it as `with`. Raises `NoBroker` and `TopicsUnread`."""

    def __init__(self, broker: str) -> None:
        self._broker = broker
        self._loop = asyncio.new_event_loop()
        self._consumer: Any = None
        self._thread = threading.Thread(target=self._loop.run_forever, name="replay-topics", daemon=True)

    def __enter__(self) -> "TopicReader":
        self._thread.start()
        try:
            with talking_to(self._broker):
                self._wait(self._start())
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._consumer is not None:
            self._wait(self._consumer.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(ANSWERS_WITHIN_S)
        self._loop.close()

    def partitions(self, topic: str) -> list[TopicPartition]:
        """The partitions of a topic."""
        found = self._wait(self._partitions(topic))
        if not found:
            raise TopicsUnread(f"expected the topic {topic} on {self._broker}, it is not there; see `kairos topics`")
        return [TopicPartition(topic, number) for number in sorted(found)]

    def beginnings(self, parts: list[TopicPartition]) -> Ends:
        """The first offsets that are kept."""
        return self._wait(self._consumer.beginning_offsets(parts))

    def ends(self, parts: list[TopicPartition]) -> Ends:
        """The offsets behind the last committed records."""
        return self._wait(self._consumer.end_offsets(parts))

    def at_time(self, parts: list[TopicPartition], at_ms: int) -> Ends:
        """The first offsets that were appended at this time or later, by the broker; the ends where there are none."""
        found, ends = self._wait(self._consumer.offsets_for_times(dict.fromkeys(parts, at_ms))), self.ends(parts)
        return {part: ends[part] if found[part] is None else found[part].offset for part in parts}

    def read(self, start: Ends, end: Ends) -> Iterator[Any]:
        """All committed records between, those of a partition in order."""
        parts = [part for part in end if end[part] > start[part]]
        if parts:
            self._wait(self._assigned({part: start[part] for part in parts}))
        while left := [part for part in parts if self._wait(self._consumer.position(part)) < end[part]]:
            for part, records in self._wait(self._polled(left)).items():
                yield from (record for record in records if record.offset < end[part])

    async def _start(self) -> None:
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=self._broker,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="none",
            fetch_max_wait_ms=50,
        )
        await self._consumer.start()

    async def _partitions(self, topic: str) -> set[int]:
        cluster = await self._consumer._client.fetch_all_metadata()  # asking for one topic may create it
        return set(cluster.partitions_for_topic(topic) or ())

    async def _assigned(self, start: Ends) -> None:
        self._consumer.assign(list(start))
        for part, offset in start.items():
            self._consumer.seek(part, offset)

    async def _polled(self, parts: list[TopicPartition]) -> dict[TopicPartition, list[Any]]:
        """The next records; nothing where only what is no record (the end of a transaction) was passed."""
        before = [await self._consumer.position(part) for part in parts]
        for _ in range(round(STANDS_STILL_S * 1_000 / POLL_MS)):
            found: dict[TopicPartition, list[Any]] = await self._consumer.getmany(*parts, timeout_ms=POLL_MS)
            if found or [await self._consumer.position(part) for part in parts] != before:
                return found
        where = f"{parts[0].topic}[{parts[0].partition}] beyond offset {before[0]}"
        raise TopicsUnread(f"expected to read {where}, nothing came for {STANDS_STILL_S:.0f} s; is the broker well?")

    def _wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(ANSWERS_WITHIN_S)


class TopicReading:
    """A timeline straight from its topic. Log time of a record is the greatest time in its partition up to there."""

    def __init__(self, log: TopicLog, share: Share, _books: Books) -> None:
        self._log = log
        topic = log.prefix + TIMELINE.name
        self._end = {TopicPartition(topic, number): end for number, end in log.end.items() if share.has(number)}
        self._start = {part: log.start[part.partition] for part in self._end}
        self._at = dict(self._start)
        self._now_ms = dict.fromkeys(self._end, -1)

    def records(self) -> Records:
        """All of them, also what no step can read: it is refused there."""
        with TopicReader(self._log.broker) as reader:
            for record in reader.read(self._start, self._end):
                part = TopicPartition(record.topic, record.partition)
                self._at[part] = record.offset + 1
                value = record.value or b""
                now_ms = self._now_ms[part] = max(self._now_ms[part], log_time_ms(value))
                yield record.partition, Logged(record.offset, record.key, value, now_ms)

    def done(self) -> float:
        """By offsets."""
        there = sum(self._end.values()) - sum(self._start.values())
        return (sum(self._at.values()) - sum(self._start.values())) / max(there, 1)

"""Restores a partition of the shopper table from its changelog, as fast as record batches can be read.

Whoever owns the partition starts its writer first: from then on nobody else appends, and what an older owner left open
is aborted. Only then is the end asked for, and the changelog read up to there, committed records only.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial
from typing import Any, ClassVar, Final, NamedTuple, TypeVar

import msgspec
from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient, ConnectionGroup, CoordinationType
from aiokafka.consumer.fetcher import READ_COMMITTED, PartitionRecords
from aiokafka.errors import KafkaError, LeaderNotAvailableError, NoError, RequestTimedOutError, for_code
from aiokafka.protocol.commit import OffsetFetchRequest
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.offset import OffsetRequest
from aiokafka.record.memory_records import MemoryRecords

from schemas.topics import CHANGELOG
from streams.exit_codes import ExitCode
from streams.topic_ids import TopicsRequest
from streams.transport.batches import visible
from streams.transport.blocks import Record

FETCH_BYTES: Final = 4 << 20
FETCH_WAIT_MS: Final = 100
RETRY_S: Final = 0.1
LATEST: Final = -1
EARLIEST: Final = -2

T = TypeVar("T")
Into = Callable[[bytes, bytes | None], object]


class Loaded(NamedTuple):
    """How many records were read, and up to where: a later load goes on with `start=offset_end`."""

    records: int
    offset_end: int


class LogNow(NamedTuple):
    """A partition of the changelog as it is now: `identity` is the cluster's and the topic's id."""

    identity: str
    earliest: int
    end: int


class LoadTimeout(Exception):  # noqa: N818 (it tells what happened, as TimeoutError does)
    """Loading stood still for too long."""

    exit_code: ClassVar[ExitCode] = ExitCode.NO_PROGRESS


class DamagedChangelogError(Exception):
    """The last record of a key is none that this version can read: its shopper's state cannot be guessed."""


class Loader:
    """Loads any number of partitions at a time, with one connection to each broker; each completes by itself.

    Create it inside the event loop. `connection` is what every aiokafka client is given. `timeout_s` is how long the
    loading of a partition may stand still.
    """

    def __init__(
        self,
        connection: Mapping[str, Any],
        topic: str = CHANGELOG.name,
        timeout_s: float = 50.0,
        client: Callable[..., Any] = AIOKafkaClient,
    ) -> None:
        """Errors: `ValueError` of aiokafka, for a connection it cannot use."""
        self.topic = topic
        self.timeout_s = timeout_s
        self._client = client(**connection, request_timeout_ms=int(timeout_s * 1000))

    async def start(self) -> None:
        """Connect. Errors: `LoadTimeout`."""
        try:
            async with asyncio.timeout(self.timeout_s):
                await self._client.bootstrap()
                await self._client.set_topics([self.topic])
        except (KafkaError, TimeoutError) as error:
            await self.stop()
            msg = f"expected to reach {self._client.hosts} within {self.timeout_s:g} s, got {error!r}; is Kafka up?"
            raise LoadTimeout(msg) from error

    async def stop(self) -> None:
        """Disconnect."""
        await self._client.close()

    async def load(self, partition: int, into: Into, start: int = 0) -> Loaded:
        """Give `into` the committed (key, value) pairs from `start` to the end. A value of None deletes its key.

        Complete means that the position has passed the end, whatever holes, markers and aborted records lie before it.
        What cannot be read does no harm where a later record has its key. Errors: `DamagedChangelogError` else;
        `LoadTimeout`; `KafkaError` where trying again would not help.
        """
        tp, records, position, end, damaged = TopicPartition(self.topic, partition), 0, start, -1, _Damaged(into)
        try:
            async with asyncio.timeout(self.timeout_s) as limit:
                end = await self._retried(partial(self._offset, tp, LATEST))
                position = max(start, await self._retried(partial(self._offset, tp, EARLIEST)))
                while position < end:
                    fetched = await self._retried(partial(self._fetch, tp, position, end))
                    if fetched is None:
                        position = end
                        break
                    for batch in _visible_batches(fetched):
                        records += damaged.apply(batch)
                        position = fetched.next_fetch_offset
                        limit.reschedule(asyncio.get_running_loop().time() + self.timeout_s)
                        await asyncio.sleep(0)  # a batch takes milliseconds, and others want the loop
        except TimeoutError as error:
            where = f"{self.topic}, partition {partition}: offset {position} of {end}"
            msg = f"expected to load {where}, stood still for {self.timeout_s:g} s; check that it has a leader"
            raise LoadTimeout(msg) from error
        damaged.check(tp)
        return Loaded(records, position)

    async def now(self, partition: int) -> LogNow:
        """Which log it is, where it begins, and where it ends. Errors: as `load`."""
        tp = TopicPartition(self.topic, partition)
        try:
            async with asyncio.timeout(self.timeout_s):
                identity = await self._retried(partial(self._identity, tp))
                earliest = await self._retried(partial(self._offset, tp, EARLIEST))
                return LogNow(identity, earliest, await self._retried(partial(self._offset, tp, LATEST)))
        except TimeoutError as error:
            msg = f"expected the bounds of {self.topic}, partition {partition}, got none in {self.timeout_s:g} s"
            raise LoadTimeout(msg) from error

    async def committed(self, group: str, timeline: TopicPartition) -> int | None:
        """The timeline offset that a group has committed, None without one. Ask after the writer's start.

        Errors: `LoadTimeout`; `KafkaError` where trying again would not help.
        """
        try:
            async with asyncio.timeout(self.timeout_s):
                return await self._retried(partial(self._committed, group, timeline))
        except TimeoutError as error:
            msg = f"expected the offset of {group} on {timeline}, got no answer in {self.timeout_s:g} s; is Kafka up?"
            raise LoadTimeout(msg) from error

    async def _retried(self, ask: Callable[[], Awaitable[T]]) -> T:
        while True:
            try:
                return await ask()
            except KafkaError as error:
                if not error.retriable:
                    raise
            await self._client.force_metadata_update()
            await asyncio.sleep(RETRY_S)

    async def _identity(self, tp: TopicPartition) -> str:
        answer = await self._client.send(self._leader(tp), TopicsRequest([tp.topic]))
        ((code, _, id_, *_),) = answer.topics
        _check(code)
        return f"{answer.cluster_id}/{id_.hex()}"

    async def _offset(self, tp: TopicPartition, which: int) -> int:
        request = OffsetRequest(-1, READ_COMMITTED, [(tp.topic, [(tp.partition, which)])])
        code, _, offset = _only(await self._client.send(self._leader(tp), request))
        _check(code)
        return int(offset)

    async def _fetch(self, tp: TopicPartition, position: int, end: int) -> PartitionRecords | None:
        """None where nothing is left up to `end`: an answer about one partition is empty only then."""
        wanted = [(tp.topic, [(tp.partition, position, FETCH_BYTES)])]
        request = FetchRequest(FETCH_WAIT_MS, 1, FETCH_BYTES, READ_COMMITTED, wanted)
        answer = await self._client.send(self._leader(tp), request)
        code, _, stable, *rest, data = _only(answer)
        _check(code)
        if not data and stable < end:
            raise LeaderNotAvailableError(tp)  # a new leader does not yet know how far its followers are
        aborted = rest[-2] if answer.API_VERSION >= 11 else rest[-1]  # then the preferred replica comes after it
        check_crcs = True
        return (
            PartitionRecords(tp, MemoryRecords(data), aborted, position, None, None, check_crcs, READ_COMMITTED)
            if data
            else None
        )

    async def _committed(self, group: str, tp: TopicPartition) -> int | None:
        node = await self._client.coordinator_lookup(CoordinationType.GROUP, group)
        request = OffsetFetchRequest(group, [(tp.topic, [tp.partition])])
        offset, _, code = _only(await self._client.send(node, request, group=ConnectionGroup.COORDINATION))
        _check(code)
        return int(offset) if offset >= 0 else None

    def _leader(self, tp: TopicPartition) -> int:
        node = self._client.cluster.leader_for_partition(tp)
        if node is None or node == -1:
            raise LeaderNotAvailableError(tp)
        return int(node)


def _visible_batches(fetched: PartitionRecords) -> Iterator[list[Record]]:
    while fetched._records.has_next():
        yield visible(fetched, fetched._records.next_batch())


class _Damaged:
    """Takes records over, and remembers the keys whose last record cannot be read, with its place and the reason."""

    def __init__(self, into: Into) -> None:
        self._into = into
        self._found: dict[bytes, tuple[int, str]] = {}

    def apply(self, batch: list[Record]) -> int:
        """Give them on; how many they were."""
        for record in batch:
            key = record.key or b""
            try:
                self._into(key, record.value)
            except (ValueError, msgspec.MsgspecError) as error:
                self._found[key] = record.offset, str(error)
            else:
                if self._found:
                    self._found.pop(key, None)
        return len(batch)

    def check(self, tp: TopicPartition) -> None:
        """Raises `DamagedChangelogError`, which names the first one and the way out."""
        for key, (offset, why) in self._found.items():
            place = f"{tp.topic}/{tp.partition}@{offset}, key {key!r}, and {len(self._found) - 1} more"
            fix = "where a newer worker wrote it, upgrade this one; else see the runbook, foreign records"
            raise DamagedChangelogError(f"expected the state of a shopper at {place}, got none: {why}; {fix}")


def _only(answer: Any) -> tuple[Any, ...]:
    # A throttled broker answers without partitions.
    for _, partitions in answer.topics:
        for _, *fields in partitions:
            return tuple(fields)
    raise RequestTimedOutError(answer)


def _check(code: int) -> None:
    error = for_code(code)
    if error is not NoError:
        raise error

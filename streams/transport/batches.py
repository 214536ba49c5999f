"""aiokafka's record batches, read and written without an object per record. All private names of aiokafka stand here.

The public `getmany` builds a `ConsumerRecord` per record and `send` a future per record, which cost more than the rest
of the data plane together. `tests/streams/transport/test_private_names.py` fails when an upgrade changes what is used.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.consumer.fetcher import READ_COMMITTED, FetchResult
from aiokafka.errors import ConsumerStoppedError, CorruptRecordException
from aiokafka.protocol.group import JoinGroupRequest

from streams.transport.blocks import Reading, Record
from streams.transport.header_names import read_again

Header = tuple[str, bytes]
Out = tuple[bytes | None, bytes | None, Sequence[Header]]
NO_HEADERS: Final[list[Header]] = []
Wanted = Callable[[], Mapping[Any, Reading]]
_FEW = 500  # records; below that the cost of a fetch round dominates


class Fetched(NamedTuple):
    """Offsets `start` to `next_offset - 1` of a reading; `records` are those that a reader may see, of `size` bytes.

    `unread` are ranges of offsets within it, each in one batch, whose header names aiokafka could not read.
    """

    reading: Reading
    records: list[Record]
    start: int
    next_offset: int
    size: int
    unread: Sequence[tuple[int, int]] = ()


def tune(consumer: AIOKafkaConsumer, *, fetch_wait_ms: int, read_committed: bool) -> None:
    """Set what Faust fixes: the isolation, and a wait of 1,500 ms (as long a partition left out of one fetch waits)."""
    consumer._fetch_max_wait_ms = fetch_wait_ms
    consumer._isolation_level = "read_committed" if read_committed else "read_uncommitted"


async def fetch(consumer: AIOKafkaConsumer, wanted: Wanted, max_records: int, timeout_s: float) -> list[Fetched]:
    """Up to about `max_records` records (whole batches) of the wanted partitions; nothing after `timeout_s`.

    `wanted` is asked anew at each look, so a partition opened or freed meanwhile is not waited for. Unlike aiokafka's
    `getmany`, wanting nothing gives nothing.
    """
    _check(consumer)
    fetcher = consumer._fetcher
    with fetcher._subscriptions.fetch_context():
        _drop_read(fetcher)
        found = _take(fetcher, wanted(), max_records)
        if not found:
            await _new_records(fetcher, timeout_s)
            _check(consumer)
            found = _take(fetcher, wanted(), max_records)
        if sum(len(fetched.records) for fetched in found) >= _FEW:
            _drop_read(fetcher)  # aiokafka fetches on while the agents work
    return [await _whole(consumer, fetched) if fetched.unread else fetched for fetched in found]


def wake(consumer: AIOKafkaConsumer) -> None:
    """Let a waiting `fetch` look again; in the thread of the consumer."""
    fetcher = consumer._fetcher
    for waiter in list(fetcher._fetch_waiters):
        fetcher._notify(waiter)


def position(consumer: AIOKafkaConsumer, tp: Any) -> int | None:
    """The offset that is fetched next, as known now, without asking the broker; None where it is not known (yet)."""
    state = _state(consumer, tp)
    return state.position if state is not None and state.has_valid_position else None


def end(consumer: AIOKafkaConsumer, tp: Any) -> int | None:
    """The high watermark that the last fetch told, without asking the broker; None where nothing was fetched yet."""
    state = _state(consumer, tp)
    return state.highwater if state is not None else None


def forgotten(consumer: AIOKafkaConsumer) -> bool:
    """Whether the group does not know this member: it has not joined yet, or the broker said so since."""
    coordinator = consumer._coordinator
    return coordinator is None or bool(coordinator.member_id == JoinGroupRequest.UNKNOWN_MEMBER_ID)


def _state(consumer: AIOKafkaConsumer, tp: Any) -> Any:
    subscription = consumer._subscription.subscription
    assignment = subscription.assignment if subscription is not None else None
    return assignment.state_value(tp) if assignment is not None else None


def _check(consumer: AIOKafkaConsumer) -> None:
    fetcher = consumer._fetcher
    if consumer._closed or fetcher._closed:
        raise ConsumerStoppedError
    consumer._coordinator.check_errors()
    if fetcher._fetch_task.done():
        fetcher._fetch_task.result()
        raise ConsumerStoppedError


def _drop_read(fetcher: Any) -> None:
    """Forget what was read to its end; the fetcher asks for more of a partition only then.

    After few records that is left to the next round: a fetch sent at once would come back with the next record alone,
    and what arrives during the pause would wait for the one after it.
    """
    read = [tp for tp, result in fetcher._records.items() if type(result) is FetchResult and not result.has_more()]
    for tp in read:
        del fetcher._records[tp]
    if read:
        fetcher._notify(fetcher._wait_consume_future)


async def _new_records(fetcher: Any, timeout_s: float) -> None:
    waiter = fetcher._create_fetch_waiter()
    await asyncio.wait([waiter], timeout=timeout_s)
    if waiter.done():
        waiter.result()  # an authorization that failed
    else:
        waiter.cancel()


def _take(fetcher: Any, wanted: Mapping[Any, Reading], max_records: int) -> list[Fetched]:
    """What `Fetcher.fetched_records` does, with a batch where it has a record."""
    found: list[Fetched] = []
    if fetcher._subscriptions.reassignment_in_progress:
        return found
    for tp in [tp for tp in fetcher._records if tp in wanted]:
        result = fetcher._records[tp]
        if type(result) is not FetchResult:
            if found:
                break  # the error is raised by the next call
            del fetcher._records[tp]
            fetcher._notify(fetcher._wait_consume_future)
            result.check_raise()
        elif result.has_more() and (fetched := _read(result, wanted[tp], max_records)) is not None:
            found.append(fetched)
            max_records -= len(fetched.records)
            if max_records <= 0:
                break
    return found


def _read(result: Any, reading: Reading, max_records: int) -> Fetched | None:
    if reading.closed or not result.check_assignment(result._topic_partition):
        return None
    rest = result._partition_records
    start = rest.next_fetch_offset
    records: list[Record] = []
    unread: list[tuple[int, int]] = []
    while rest._records.has_next() and len(records) < max_records:
        at = rest.next_fetch_offset
        try:
            records += visible(rest, rest._records.next_batch())
        except UnicodeDecodeError:
            unread.append((at, rest.next_fetch_offset))
    result._update_position()
    if not rest._records.has_next():
        result._partition_records = None
    size = sum([len(record.value or b"") for record in records])
    return Fetched(reading, records, start, rest.next_fetch_offset, size, unread)


async def _whole(consumer: AIOKafkaConsumer, fetched: Fetched) -> Fetched:
    tp, records = TopicPartition(*fetched.reading.tp), list(fetched.records)
    for start, next_offset in fetched.unread:
        records += await read_again(consumer, tp, start, next_offset)
    records.sort(key=lambda record: record.offset)
    return fetched._replace(records=records, size=sum([len(record.value or b"") for record in records]), unread=())


def visible(rest: Any, batch: Any) -> list[Record]:
    """The records of a batch that a reader of this isolation level may see; moves the position behind the batch.

    Raises `UnicodeDecodeError`, the position moved, where the name of a header is not UTF-8.
    """
    if rest._check_crcs and not batch.validate_crc():
        msg = f"a batch of {rest._tp} at offset {rest.next_fetch_offset} has a wrong checksum; is the disk sound?"
        raise CorruptRecordException(msg)
    start, rest.next_fetch_offset = rest.next_fetch_offset, batch.next_offset
    if _hidden(rest, batch):
        return []
    records = list(batch)
    if records and records[0].offset < start:  # a fetch begins at a batch, not at a record
        return [record for record in records if record.offset >= start]
    return records


def _hidden(rest: Any, batch: Any) -> bool:
    """Whether a batch is a transaction's marker, or was aborted and only committed records are read."""
    if rest._isolation_level == READ_COMMITTED and batch.producer_id is not None:
        rest._consume_aborted_up_to(batch.base_offset)
        if batch.is_control_batch and rest._contains_abort_marker(batch):
            rest._aborted_producers.discard(batch.producer_id)
        if batch.is_transactional and batch.producer_id in rest._aborted_producers:
            return True
    return bool(batch.is_control_batch)


async def send_batches(
    producer: AIOKafkaProducer, topic: str, partition: int, records: Iterable[Out], timestamp_ms: int
) -> "list[asyncio.Future[Any]]":
    """Append (key, value, headers) records to a partition; returns a future for each batch, done when acknowledged.

    Works with any producer, a transactional one inside its transaction too.
    """
    futures, left = [], list(records)
    while left:
        batch, count = _filled(producer, left, timestamp_ms)
        left = left[count:]
        futures.append(await producer.send_batch(batch, topic, partition=partition))
    return futures


def _filled(producer: AIOKafkaProducer, records: Sequence[Out], timestamp_ms: int) -> tuple[Any, int]:
    """A closed batch of as many records as it holds (one at least), and their number."""
    batch, count = producer.create_batch(), 0
    append = batch._builder.append  # BatchBuilder.append adds two Python calls per record
    for key, value, headers in records:
        if append(count, timestamp_ms, key, value, headers if type(headers) is list else list(headers)) is None:
            break
        count += 1
    batch._relative_offset = count
    batch.close()
    return batch, count

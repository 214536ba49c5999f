r"""Records whose header names are not UTF-8: Kafka takes them of any producer, and aiokafka cannot read their batch.

Such a batch is fetched once more and read here, record by record; what cannot be decoded in a name is escaped (`\xff`).
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CorruptRecordException, LeaderNotAvailableError, for_code
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.util import decode_varint

_READ_UNCOMMITTED: Final = 0
_BYTES: Final = 1 << 20
"""A broker sends the first batch whole, however large it is."""
_WAIT_MS: Final = 100
_LENGTH: Final = slice(8, 12)  # of a batch; it counts what comes after it


class Escaped(NamedTuple):
    """A record, the names of its headers escaped."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]


async def read_again(consumer: AIOKafkaConsumer, tp: TopicPartition, start: int, next_offset: int) -> list[Escaped]:
    """The records from `start` to `next_offset - 1`, which stand in one batch. Errors: those of aiokafka."""
    node = consumer._client.cluster.leader_for_partition(tp)
    if node is None or node == -1:
        raise LeaderNotAvailableError(tp)
    wanted = [(tp.topic, [(tp.partition, start, _BYTES)])]
    answer: Any = await consumer._client.send(node, FetchRequest(_WAIT_MS, 1, _BYTES, _READ_UNCOMMITTED, wanted))
    ((_, ((_, code, *_, data),)),) = answer.topics
    if code:
        raise for_code(code)(tp)
    found = [record for record in first_batch(data) if start <= record.offset < next_offset] if data else []
    if not found:
        msg = f"expected the batch of {tp} at offset {start} once more, got nothing; was the topic truncated?"
        raise CorruptRecordException(msg)
    return found


def first_batch(data: bytes) -> list[Escaped]:
    """The records of the first batch of a fetch's answer (message format v2: there are no headers in older ones)."""
    batch = _DefaultRecordBatchPy(data[: _LENGTH.stop + int.from_bytes(data[_LENGTH])])
    batch._maybe_uncompress()
    buffer, at = batch._buffer, batch._pos
    found = []
    for _ in range(batch._num_records):
        size, at = decode_varint(buffer, at)
        found.append(_record(batch, _Cursor(buffer, at)))
        at += size
    return found


class _Cursor:
    """Reads the fields of a record, one after the other."""

    def __init__(self, buffer: bytearray, at: int) -> None:
        self._buffer, self._at = buffer, at

    def number(self) -> int:
        value, self._at = decode_varint(self._buffer, self._at)
        return int(value)

    def data(self) -> bytes | None:
        size = self.number()
        if size < 0:
            return None
        start, self._at = self._at, self._at + size
        return bytes(self._buffer[start : self._at])

    def headers(self) -> Iterator[tuple[str, bytes | None]]:
        for _ in range(self.number()):
            name = self.data() or b""
            yield name.decode(errors="backslashreplace"), self.data()


def _record(batch: _DefaultRecordBatchPy, cursor: _Cursor) -> Escaped:
    cursor.number()  # attributes: none is in use
    timestamp, offset = batch.first_timestamp + cursor.number(), batch.base_offset + cursor.number()
    if batch.timestamp_type == batch.LOG_APPEND_TIME:
        timestamp = batch.max_timestamp
    return Escaped(offset, timestamp, cursor.data(), cursor.data(), list(cursor.headers()))

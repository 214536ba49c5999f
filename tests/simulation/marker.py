"""Batches as bytes: those of producers, and the marker that ends a transaction."""

from collections.abc import Sequence
from struct import pack
from typing import Final

from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

ATTRIBUTES_AT: Final = 21
CRC_AT: Final = 17
CONTROL: Final = 0x20
MOST_BYTES: Final = 1 << 24


def marker(producer: int, *, committed: bool) -> bytearray:
    """A control batch, as a broker writes it."""
    builder = DefaultRecordBatchBuilder(2, 0, 1, producer, 0, -1, MOST_BYTES)
    builder.append(0, 0, pack(">HH", 0, int(committed)), bytes(6), [])
    data = bytearray(builder.build())
    data[ATTRIBUTES_AT + 1] |= CONTROL
    data[CRC_AT : CRC_AT + 4] = calc_crc32c(bytes(data[ATTRIBUTES_AT:])).to_bytes(4, "big")
    return data


def batch_of(records: Sequence[tuple[bytes | None, bytes | None, Sequence[tuple[str, bytes]]]]) -> bytearray:
    """A batch outside of transactions."""
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, 0, MOST_BYTES)
    for number, (key, value, headers) in enumerate(records):
        builder.append(number, 0, key, value, list(headers))
    return bytearray(builder.build())

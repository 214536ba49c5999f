"""A producer in another language may name a header with any bytes: aiokafka refuses the batch, we do not."""

import struct

import pytest
from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

from streams.transport.header_names import first_batch

CRC_AT, ATTRIBUTES_AT = 17, 21


def batch_with_raw_names(compression: int = 0) -> bytes:
    """Two records; the name XXXX of the first one's header is not UTF-8. Only an uncompressed batch can be changed."""
    builder = DefaultRecordBatchBuilder(2, compression, 0, -1, -1, -1, 1 << 20)
    builder.append(0, 1_000, b"ann", b"v", [("XXXX", b"1"), ("none", None)])
    builder.append(1, 1_005, None, None, [])
    made = bytearray(builder.build())
    if not compression:
        at = made.index(b"XXXX")
        made[at : at + 4] = b"\xff\xfeXX"
        struct.pack_into(">I", made, CRC_AT, calc_crc32c(bytes(made[ATTRIBUTES_AT:])))
    return bytes(made)


def test_aiokafka_cannot_read_such_a_batch() -> None:
    batch = DefaultRecordBatch(batch_with_raw_names())

    assert batch.validate_crc()
    with pytest.raises(UnicodeDecodeError):
        list(batch)


def test_the_names_are_escaped_and_all_else_is_as_it_was() -> None:
    first, second = first_batch(batch_with_raw_names() + b"the beginning of the next batch")

    assert first == (0, 1_000, b"ann", b"v", [("\\xff\\xfeXX", b"1"), ("none", None)])
    assert second == (1, 1_005, None, None, [])


@pytest.mark.parametrize("compression", [0, 1, 2, 3, 4], ids=["none", "gzip", "snappy", "lz4", "zstd"])
def test_it_reads_what_aiokafka_reads(compression: int) -> None:
    builder = DefaultRecordBatchBuilder(2, compression, 0, -1, -1, -1, 1 << 20)
    for number in range(200):
        builder.append(number, 1_000 + number, b"k" * number, b"v" * 300, [("h", b"x" * number)])
    made = bytes(builder.build())

    read = [(r.offset, r.timestamp, r.key, r.value, r.headers) for r in DefaultRecordBatch(made)]

    assert [tuple(record) for record in first_batch(made)] == read

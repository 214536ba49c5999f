"""A producer in another language: it names a header with bytes that are no UTF-8, which no Python client can."""

import struct

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import for_code
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

_CRC_AT, _ATTRIBUTES_AT = 17, 21
_PLACEHOLDER = b"XXXX"


async def produce_raw_header_name(broker: str, topic: str, name: bytes, values: list[bytes]) -> None:
    """One batch of records into partition 0, the first with a header of this name (four bytes)."""
    assert len(name) == len(_PLACEHOLDER)
    client = AIOKafkaClient(bootstrap_servers=broker)
    await client.bootstrap()
    try:
        await client.set_topics([topic])
        request = ProduceRequest(None, -1, 10_000, [(topic, [(0, _batch(name, values))])])
        answer = await client.send(client.cluster.leader_for_partition(TopicPartition(topic, 0)), request)
        ((_, ((_, code, *_),)),) = answer.topics
        if code:
            raise for_code(code)
    finally:
        await client.close()


def _batch(name: bytes, values: list[bytes]) -> bytes:
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 1 << 20)
    for number, value in enumerate(values):
        headers = [(_PLACEHOLDER.decode(), b"1")] if number == 0 else []
        builder.append(number, 1_790_000_000_000, b"ann", value, headers)
    made = bytearray(builder.build())
    at = made.index(_PLACEHOLDER)
    made[at : at + len(name)] = name
    struct.pack_into(">I", made, _CRC_AT, calc_crc32c(bytes(made[_ATTRIBUTES_AT:])))
    return bytes(made)

"""Where partitions end, as the broker tells it now.

Apache Kafka is asked with ListOffsets. The embedded broker (Tansu) answers that with the base of the last batch plus
one, which is too early; what a fetch says of the high watermark is right there, so that is asked in its place.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import LeaderNotAvailableError, for_code
from aiokafka.protocol.fetch import FetchRequest

_READ_UNCOMMITTED: Final = 0
_BYTES: Final = 1 << 16
_WAIT_MS: Final = 20


async def listed(consumer: AIOKafkaConsumer, tps: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
    """By ListOffsets. Under read committed: the last stable offsets."""
    found: Mapping[TopicPartition, int] = await consumer.end_offsets(tps)
    return found


async def fetched(consumer: AIOKafkaConsumer, tps: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
    """By the high watermark that a fetch of the last batch tells, for a broker without transactions."""
    ends = await listed(consumer, tps)
    return {tp: await _high_watermark(consumer, tp, ends[tp] - 1) if ends[tp] else 0 for tp in tps}


async def _high_watermark(consumer: AIOKafkaConsumer, tp: TopicPartition, offset: int) -> int:
    node = consumer._client.cluster.leader_for_partition(tp)
    if node is None or node == -1:
        raise LeaderNotAvailableError(tp)
    request = FetchRequest(_WAIT_MS, 1, _BYTES, _READ_UNCOMMITTED, [(tp.topic, [(tp.partition, offset, _BYTES)])])
    answer: Any = await consumer._client.send(node, request)
    ((_, ((_, code, high_watermark, *_),)),) = answer.topics
    if code:
        raise for_code(code)(tp)
    return int(high_watermark)

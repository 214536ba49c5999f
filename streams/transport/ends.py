"""Where partitions end, as the broker tells it now.

Apache Kafka is asked with ListOffsets. The embedded broker (Tansu) answers that with the base of the last batch plus
one, which is too early; what a fetch says of the high watermark is right there, so that is asked in its place.
"""

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import LeaderNotAvailableError, for_code
from aiokafka.protocol.fetch import FetchRequest

_READ_UNCOMMITTED: Final = 0
_BYTES: Final = 1 << 16
_WAIT_MS: Final = 20


async def listed(consumer: AIOKafkaConsumer, tps: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
    """By ListOffsets. What an open transaction holds back is counted, which aiokafka's own call does not."""
    fetcher = copy(consumer._fetcher)
    fetcher._isolation_level = _READ_UNCOMMITTED
    found: Mapping[TopicPartition, int] = await fetcher.end_offsets(tps, consumer._request_timeout_ms)
    return found


async def fetched(consumer: AIOKafkaConsumer, tps: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
    """By the high watermark that a fetch of the last batch tells, for a broker without transactions."""
    ends = await listed(consumer, tps)
    by_node: dict[int, list[TopicPartition]] = {}
    for tp in tps:
        by_node.setdefault(_leader(consumer, tp), []).append(tp)
    found: dict[TopicPartition, int] = {}
    for node, theirs in by_node.items():
        found |= await _high_watermarks(consumer, node, {tp: max(ends[tp] - 1, 0) for tp in theirs})
    return found


def _leader(consumer: AIOKafkaConsumer, tp: TopicPartition) -> int:
    node = consumer._client.cluster.leader_for_partition(tp)
    if node is None or node == -1:
        raise LeaderNotAvailableError(tp)
    return int(node)


async def _high_watermarks(
    consumer: AIOKafkaConsumer, node: int, offsets: Mapping[TopicPartition, int]
) -> dict[TopicPartition, int]:
    by_topic: dict[str, list[tuple[int, int, int]]] = {}
    for tp, offset in offsets.items():
        by_topic.setdefault(tp.topic, []).append((tp.partition, offset, _BYTES))
    request = FetchRequest(_WAIT_MS, 1, _BYTES, _READ_UNCOMMITTED, list(by_topic.items()))
    answer: Any = await consumer._client.send(node, request)
    found = {}
    for topic, partitions in answer.topics:
        for partition, code, high_watermark, *_ in partitions:
            if code:
                raise for_code(code)(TopicPartition(topic, partition))
            found[TopicPartition(topic, partition)] = int(high_watermark)
    return found

"""Which topic of which cluster a name stands for: one that is deleted and made anew has another id under the same name.

aiokafka speaks Metadata up to version 5, which knows no topic ids; they came with version 10 (Kafka 2.8).
"""

from typing import Any, Final

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Int64,
    Schema,
    TaggedFields,
)  # fmt: skip

_TAGS: Final = ("tags", TaggedFields)
_NODES: Final = CompactArray(Int32)
_PARTITION: Final = (
    ("error_code", Int16), ("index", Int32), ("leader", Int32), ("leader_epoch", Int32),
    ("replicas", _NODES), ("in_sync", _NODES), ("offline", _NODES), _TAGS,
)  # fmt: skip
_BROKER: Final = (
    ("node_id", Int32), ("host", CompactString("utf-8")), ("port", Int32), ("rack", CompactString("utf-8")), _TAGS
)  # fmt: skip
_TOPIC: Final = (
    ("error_code", Int16), ("name", CompactString("utf-8")), ("id_high", Int64), ("id_low", Int64),
    ("internal", Boolean), ("partitions", CompactArray(*_PARTITION)), ("operations", Int32), _TAGS,
)  # fmt: skip


class TopicsNamed(Response):  # type: ignore[misc]  # aiokafka has no types
    """What a broker knows of topics, their ids among it."""

    API_KEY = 3
    API_VERSION = 10
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("brokers", CompactArray(*_BROKER)),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        ("topics", CompactArray(*_TOPIC)),
        ("operations", Int32),
        _TAGS,
    )


class TopicsByName(RequestStruct):  # type: ignore[misc]
    """Asks about topics by name; both halves of their ids are zero."""

    API_KEY = 3
    API_VERSION = 10
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = TopicsNamed
    SCHEMA = Schema(
        (
            "topics",
            CompactArray(("id_high", Int64), ("id_low", Int64), ("name", CompactString("utf-8")), _TAGS),
        ),
        ("create", Boolean),
        ("cluster_operations", Boolean),
        ("topic_operations", Boolean),
        _TAGS,
    )


class TopicRequest(Request[TopicsByName]):  # type: ignore[misc]
    """Which topic is meant by a name. Raises aiokafka's `NotImplementedError` on a broker older than Kafka 2.8."""

    API_KEY = 3

    def __init__(self, topic: str) -> None:
        self._topic = topic

    def build(self, request_struct_class: type[TopicsByName]) -> TopicsByName:
        """The request of the one version there is."""
        return request_struct_class([(0, 0, self._topic, {})], False, False, False, {})


def identity_of(answer: Any) -> tuple[int, str]:
    """Kafka's error code, and the cluster's and the topic's id as one text."""
    code, _, high, low, *_ = answer.topics[0]
    return code, f"{answer.cluster_id}/{(high % (1 << 64)) << 64 | low % (1 << 64):032x}"

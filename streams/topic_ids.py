"""What topics are there, each with the id that Kafka gave it: a topic that is deleted and made anew has another one.

Of aiokafka's metadata requests none asks for ids, which Kafka tells since version 2.8; so that request stands here.
"""

from collections.abc import Callable, Collection, Mapping
from io import BytesIO
from typing import Any, ClassVar, Final, NamedTuple

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import LeaderNotAvailableError, UnknownTopicOrPartitionError, for_code
from aiokafka.protocol.abstract import AbstractType
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int16, Int32, Schema, TaggedFields

_NO_ID: Final = bytes(16)


class Standing(NamedTuple):
    """A topic as it is now: Kafka's id of it, and how many partitions."""

    id: str
    partitions: int


async def standing(
    connection: Mapping[str, Any], names: Collection[str], client: Callable[..., Any] = AIOKafkaClient
) -> dict[str, Standing]:
    """Those of the topics that exist. None is made by asking. Errors: those of `TopicsRequest`, and aiokafka's."""
    asking = client(**connection)
    try:
        await asking.bootstrap()
        answer = await asking.send(asking.get_random_node(), TopicsRequest(list(names)))
    finally:
        await asking.close()
    found = {}
    for code, name, id_, _, partitions, *_ in answer.topics:
        if code == UnknownTopicOrPartitionError.errno:
            continue
        if code not in (0, LeaderNotAvailableError.errno):
            raise for_code(code)(name)
        found[name] = Standing(id_.hex(), len(partitions))
    return found


class _Uuid(AbstractType[bytes]):  # type: ignore[misc]  # aiokafka tells no types
    @classmethod
    def encode(cls, value: bytes) -> bytes:
        return value

    @classmethod
    def decode(cls, data: BytesIO) -> bytes:
        return data.read(16)


_NAME: Final = CompactString("utf-8")


class _MetadataResponse(Response):  # type: ignore[misc]  # aiokafka tells no types
    API_KEY = 3
    API_VERSION = 10
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(("id", Int32), ("host", _NAME), ("port", Int32), ("rack", _NAME), ("tags", TaggedFields)),
        ),
        ("cluster_id", _NAME),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("name", _NAME),
                ("topic_id", _Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline_replicas", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("authorized_operations", Int32),
        ("tags", TaggedFields),
    )


class _MetadataStruct(RequestStruct):  # type: ignore[misc]  # as above
    FLEXIBLE_VERSION: ClassVar[bool] = True
    API_KEY = 3
    API_VERSION = 10
    RESPONSE_TYPE = _MetadataResponse
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", _Uuid), ("name", _NAME), ("tags", TaggedFields))),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class TopicsRequest(Request[_MetadataStruct]):  # type: ignore[misc]  # as above
    """What a broker knows of topics, their ids and the cluster's among it. None is made by asking.

    Raises aiokafka's `NotImplementedError` on a broker older than Kafka 2.8.
    """

    API_KEY = 3

    def __init__(self, names: list[str]) -> None:
        self._names = names

    def build(self, request_struct_class: type[_MetadataStruct]) -> _MetadataStruct:
        """The request of the one version there is."""
        return request_struct_class([(_NO_ID, name, {}) for name in self._names], False, False, False, {})

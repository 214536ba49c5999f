"""How far a consumer group is on the broker, and what topics hold: asked from outside, as an operator would."""

import time
from collections.abc import Iterable
from typing import Final

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from speed.load import PARTITIONS

_ANSWER_S: Final = 30.0
_SILENT_S: Final = 10.0
_LOOK_AGAIN_S: Final = 0.2
_NOT_YET: Final = (
    KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
)  # fmt: skip
Place = tuple[str, int]


class Offsets:
    """Asks for the offsets of one group in topics of `PARTITIONS` partitions. Use as a context manager."""

    def __init__(self, bootstrap: str, group: str) -> None:
        self._admin = AdminClient({"bootstrap.servers": bootstrap})
        self._consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False})

    def __enter__(self) -> "Offsets":
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def ends(self, topics: Iterable[str]) -> dict[Place, int]:
        """Where each partition ends now."""
        wanted = {part: OffsetSpec.latest() for part in _parts(topics)}
        asked = self._admin.list_offsets(wanted, request_timeout=_ANSWER_S)
        return {(part.topic, part.partition): answer.result().offset for part, answer in asked.items()}

    def committed(self, topics: Iterable[str]) -> dict[Place, int]:
        """What the group has committed, 0 where nothing."""
        return {(part.topic, part.partition): max(0, part.offset) for part in self._committed(topics)}

    def _committed(self, topics: Iterable[str]) -> list[TopicPartition]:
        """A new broker needs a moment until it knows who coordinates a group; until then it refuses to answer."""
        parts, deadline_s, found = _parts(topics), time.monotonic() + _ANSWER_S, list[TopicPartition]()
        while parts and not found:
            try:
                found = self._consumer.committed(parts, timeout=_ANSWER_S)
            except KafkaException as refused:
                if refused.args[0].code() not in _NOT_YET or time.monotonic() > deadline_s:
                    raise
                time.sleep(_LOOK_AGAIN_S)
        return found


class _Taken(msgspec.Struct):
    mode: str


class Decided(msgspec.Struct):
    """What of a decision is counted."""

    decision: _Taken


def committed_values(bootstrap: str, topic: str) -> list[bytes]:
    """The values of all committed records of a topic."""
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": "counting", "isolation.level": "read_committed",
         "enable.auto.commit": False, "enable.partition.eof": True}
    )  # fmt: skip
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in range(PARTITIONS)])
    values, ended = list[bytes](), set[int]()
    try:
        while len(ended) < PARTITIONS:
            messages = consumer.consume(10_000, _SILENT_S)
            if not messages:
                msg = f"expected the end of {topic}, got nothing for {_SILENT_S:.0f} s; does the broker run?"
                raise RuntimeError(msg)
            ended |= {m.partition() for m in messages if m.error() and m.error().code() == KafkaError._PARTITION_EOF}
            values += [m.value() for m in messages if m.error() is None]
    finally:
        consumer.close()
    return values


def modes(bootstrap: str, topic: str) -> dict[str, int]:
    """How many decisions of the topic were taken by each rung."""
    counts: dict[str, int] = {}
    decode = msgspec.json.Decoder(Decided).decode
    for value in committed_values(bootstrap, topic):
        mode = decode(value).decision.mode
        counts[mode] = counts.get(mode, 0) + 1
    return counts


def _parts(topics: Iterable[str]) -> list[TopicPartition]:
    return [TopicPartition(topic, number) for topic in topics for number in range(PARTITIONS)]

"""What the topics hold, counted by ids: the same whatever was read, sent or restarted how often."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import msgspec

from schemas.dead_letters import PREFIX
from schemas.interventions import KINDS
from schemas.shopper import META_KEY, Shopper, decode_meta, decode_shopper
from schemas.timeline import source_of
from schemas.topics import CHANGELOG, DEAD_LETTERS, DECISIONS, INPUTS, INTERVENTIONS, SUPPRESSED, TIMELINE, Topic
from streams.accounts import ADDED

COUNTED: Final = (*INPUTS, TIMELINE, CHANGELOG, DECISIONS, SUPPRESSED, *INTERVENTIONS.values(), *DEAD_LETTERS)


class Record(Protocol):
    """A record as any Kafka client hands it over."""

    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...


class _Decided(msgspec.Struct):
    mode: str


class _Decision(msgspec.Struct):
    decision_id: str
    decision: _Decided


class _Held(msgspec.Struct):
    reason: str


_decision: Final = msgspec.json.Decoder(_Decision).decode
_held: Final = msgspec.json.Decoder(_Held).decode


class Tally:
    """Takes in records of all topics in `COUNTED`, those of one partition in order; then it can be asked.

    `read`, `timeline` and `dead` are sets of source coordinates; `modes` is by decision, `issued` kind by intervention,
    `suppressed` reason by intervention, `retracted` a set of retractions. `watermarks_ms` is by partition.
    """

    def __init__(self) -> None:
        self.read: set[int] = set()
        self.timeline: set[int] = set()
        self.dead: set[int] = set()
        self.modes: dict[str, str] = {}
        self.issued: dict[str, str] = {}
        self.suppressed: dict[str, str] = {}
        self.retracted: set[str] = set()
        self.watermarks_ms: dict[int, int] = {}
        self._shoppers: dict[bytes, Shopper] = {}
        self._gone: Counter[str] = Counter()

    def take(self, topic: Topic, record: Record) -> None:
        """Take in a record. Errors: those of its schema."""
        if topic.role == "input":
            self.read.add(_place(topic.id, record.partition, record.offset))
        elif topic.role == "dead_letters":
            self.dead.add(_refused(dict(record.headers)))
        elif topic is CHANGELOG:
            self._changelog(record, record.value or b"")
        elif topic is TIMELINE:
            self._timeline(record, record.value or b"")
        elif topic is DECISIONS:
            self._decision(record.value or b"")
        else:
            self._outcome(record, record.value or b"")

    def carts(self) -> Counter[str]:
        """The sums of `ADDED` over all shoppers; one that was forgotten meanwhile counts too."""
        found = Counter(self._gone)
        for shopper in self._shoppers.values():
            found.update({name: getattr(shopper, name) for name in ADDED})
        return found

    def interventions(self) -> dict[str, int]:
        """How many of each kind."""
        return {kind: list(self.issued.values()).count(kind) for kind in KINDS}

    def reasons(self) -> dict[str, int]:
        """How many interventions were held back for each reason."""
        return dict(Counter(self.suppressed.values()).most_common())

    def scores(self) -> dict[str, int]:
        """How many decisions were taken by each rung."""
        return {"model": 0, "rules": 0} | Counter(self.modes.values())

    def _timeline(self, record: Record, value: bytes) -> None:
        if record.key is not None:  # a TICK has none
            source = source_of(value)
            self.timeline.add(_place(source.topic_id, source.partition, source.offset))

    def _changelog(self, record: Record, value: bytes) -> None:
        key = record.key or b""
        if key == META_KEY:
            self.watermarks_ms[record.partition] = decode_meta(value).watermark_ms
            return
        now, before = decode_shopper(value) if value else None, self._shoppers.pop(key, None)
        if before is not None and (now is None or now.events < before.events):
            self._gone.update({name: getattr(before, name) for name in ADDED})
        if now is not None:
            self._shoppers[key] = now

    def _decision(self, value: bytes) -> None:
        found = _decision(value)
        self.modes[found.decision_id] = found.decision.mode

    def _outcome(self, record: Record, value: bytes) -> None:
        """An intervention, a retraction or a suppression: the CloudEvents type is shop.intervention.KIND.STATUS.v1."""
        headers = dict(record.headers)
        id_, (kind, status) = headers["ce_id"].decode(), headers["ce_type"].decode().split(".")[2:4]
        if status == "issued":
            self.issued[id_] = kind
        elif status == "retracted":
            self.retracted.add(id_)
        else:
            self.suppressed[id_] = _held(value).reason


def _place(topic_id: int, partition: int, offset: int) -> int:
    """A source coordinate as one number, which takes a tenth of the memory."""
    return topic_id << 56 | partition << 40 | offset


def _refused(headers: Mapping[str, bytes]) -> int:
    name, partition, offset = (headers[PREFIX + part].decode() for part in ("topic", "partition", "offset"))
    topic = next(topic for topic in INPUTS if name.endswith(topic.name))
    return _place(topic.id, int(partition), int(offset))

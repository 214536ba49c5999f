"""The broker of a world: logs, committed offsets, and Kafka's transactions with their fencing."""

from typing import NamedTuple

from schemas.timeline import decode_tick
from streams.core.outputs import Output
from streams.core.ticks import Source
from streams.table.transactions import Fenced
from tests.model.shop import FAULTS_END_S, Input
from tests.streams.builders import Record

PARTITIONS = (0, 1)


class Transaction:
    """What was written in it is visible to readers of committed records when it is committed, all at once."""

    __slots__ = ("state",)

    def __init__(self, state: str = "open") -> None:
        self.state = state


class Change(NamedTuple):
    """A record of a changelog."""

    transaction: Transaction
    key: bytes
    value: bytes | None


class Sent(NamedTuple):
    """A record of an output topic; None: outside of any transaction."""

    transaction: Transaction | None
    output: Output


class Broker:
    """All topics of a world. `now_s` says which input records are there already."""

    def __init__(self, inputs: dict[Source, list[Input]]) -> None:
        self.inputs = inputs
        self.now_s = 0
        self.input_commit = dict.fromkeys(inputs, 0)
        self.timeline: dict[int, list[Record]] = {p: [] for p in PARTITIONS}
        self.changelog: dict[int, list[Change]] = {p: [] for p in PARTITIONS}
        self.outputs: list[Sent] = []
        self.progress: list[tuple[bytes, bytes]] = []
        self.ticked_ms = dict.fromkeys(PARTITIONS, -1)
        self.commit = dict.fromkeys(PARTITIONS, 0)
        self._epoch = dict.fromkeys(PARTITIONS, 0)
        self._open = {p: Transaction("aborted") for p in PARTITIONS}

    @property
    def faults(self) -> bool:
        """Whether things still go wrong."""
        return self.now_s < FAULTS_END_S

    def end_of(self, source: Source) -> int:
        """How many records an input partition holds now."""
        records, end = self.inputs[source], self.input_commit[source]
        while end < len(records) and records[end].arrived_s <= self.now_s:
            end += 1
        return end

    def append(self, partition: int, key: bytes | None, value: bytes) -> None:
        """One more record of the timeline."""
        log = self.timeline[partition]
        log.append(Record(len(log), key, value))
        if key is None:
            self.ticked_ms[partition] = max(self.ticked_ms[partition], decode_tick(value).at_ms)

    def compacted_progress(self) -> list[tuple[bytes, bytes]]:
        """What a late reader finds in the progress topic."""
        return list(dict(self.progress).items())

    def init_transactions(self, partition: int) -> int:
        """Abort what an older owner left open, and fence it: the epoch of the new one comes back."""
        if self._open[partition].state == "open":
            self._open[partition].state = "aborted"
        self._epoch[partition] += 1
        return self._epoch[partition]

    def check_epoch(self, partition: int, epoch: int) -> None:
        """Raises `Fenced` where a newer owner has started."""
        if not self.is_owner(partition, epoch):
            msg = f"epoch {epoch} of partition {partition} is over"
            raise Fenced(msg)

    def is_owner(self, partition: int, epoch: int) -> bool:
        """Whether no newer owner has started."""
        return self._epoch[partition] == epoch

    def begin(self, partition: int) -> Transaction:
        """A new transaction of the owner."""
        self._open[partition] = transaction = Transaction()
        return transaction

    def committed_changes(self, partition: int) -> dict[bytes, bytes | None]:
        """The last committed value of each key."""
        return {c.key: c.value for c in self.changelog[partition] if c.transaction.state == "committed"}

    def visible(self) -> list[Output]:
        """What a reader of committed records sees."""
        return [s.output for s in self.outputs if s.transaction is None or s.transaction.state == "committed"]

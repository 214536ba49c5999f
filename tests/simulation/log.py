"""One partition on the simulated broker: real record batches, transactions' markers, and who waits for more."""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from aiokafka.record.memory_records import MemoryRecords

from tests.simulation.marker import marker


class Batch(NamedTuple):
    """Offsets `base` to `end - 1`. `producer` is None outside of transactions."""

    base: int
    end: int
    data: bytes
    producer: int | None


class Aborted(NamedTuple):
    """What a producer wrote in one transaction that was aborted."""

    producer: int
    first: int
    marker: int


class Log:
    """A partition. `changed` is called by whoever appends, after each append and each marker."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.end = 0
        self.open: dict[int, int] = {}  # producer: its first offset in the transaction under way
        self.aborted: list[Aborted] = []
        self.readers: dict[object, Callable[[], None]] = {}

    @property
    def stable_end(self) -> int:
        """Readers of committed records see nothing from here on."""
        return min(self.open.values(), default=self.end)

    def append(self, data: bytearray, count: int, producer: int | None = None) -> int:
        """One batch of so many records; its base offset comes back."""
        base = self.end
        data[0:8] = base.to_bytes(8, "big")
        self.end = base + count
        self.batches.append(Batch(base, self.end, bytes(data), producer))
        if producer is not None:
            self.open.setdefault(producer, base)
        self.changed()
        return base

    def finish(self, producer: int, *, committed: bool) -> None:
        """The marker at the end of a producer's transaction."""
        first = self.open.pop(producer, None)
        if first is None:
            return
        if not committed:
            self.aborted.append(Aborted(producer, first, self.end))
        self.append(marker(producer, committed=committed), 1)

    def changed(self) -> None:
        """Tell those who wait."""
        for look in list(self.readers.values()):
            look()

    def read(self, position: int, end: int) -> tuple[bytes, list[tuple[int, int]]]:
        """The batches from the one that holds `position`, and the aborted transactions among them."""
        start = bisect_right(self.batches, position, key=lambda batch: batch.end)
        data = b"".join([batch.data for batch in self.batches[start:] if batch.base < end])
        aborted = [(gone.producer, gone.first) for gone in self.aborted if gone.marker >= position and gone.first < end]
        return data, aborted

    def records(self, *, committed: bool = True) -> Iterator[Any]:
        """All records; without those of aborted and open transactions where only committed ones are wanted."""
        for batch in self.batches:
            hidden = batch.producer is not None and committed and self._not_committed(batch)
            if not hidden:
                yield from records_of(batch)

    def _not_committed(self, batch: Batch) -> bool:
        if batch.producer in self.open and self.open[batch.producer] <= batch.base:
            return True
        return any(a.producer == batch.producer and a.first <= batch.base < a.marker for a in self.aborted)


def records_of(batch: Batch) -> list[Any]:
    """The records of a batch; none of a marker."""
    parsed = MemoryRecords(batch.data).next_batch()
    return [] if parsed is None or parsed.is_control_batch else list(parsed)

"""What a worker has done since it started: plain numbers, counted where it happens, read when metrics are scraped."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from typing import Final

import msgspec

from schemas.topics import DLQ, INTERVENTIONS, SUPPRESSED, TIMELINE
from streams.core.outputs import Output
from streams.pipeline import Write

BOUNDS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_UNREADABLE: Final = TIMELINE.name + DLQ
RESTORED_FROM: Final = ("changelog", "snapshot", "standby")
"""All of the changelog was read, or what came after the snapshot on local disk, or after what a standby had read."""
_KIND_OF: Final = {topic.name: kind for kind, topic in INTERVENTIONS.items()}


class _Reason(msgspec.Struct):
    """The one field of a suppression that is counted."""

    reason: str


_reason: Final = msgspec.json.Decoder(_Reason).decode


class Durations:
    """A histogram of durations: `counts` of those up to each bound, and of those above the last; `total_s` of all."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS_S) + 1)
        self.total_s = 0.0

    def add(self, seconds: float) -> None:
        """Take one in."""
        self.counts[bisect_left(BOUNDS_S, seconds)] += 1
        self.total_s += seconds


class Counts:
    """Everything that decide counts. `scores` is by mode, interventions and retractions by kind, suppressed by reason.

    `restored` counts records of the changelog, `cold_reads` shoppers who came back into memory, of partitions let go.
    Records that a restart steps or sends once more are counted once more: topics are counted by their ids.
    """

    def __init__(self) -> None:
        self.stepped, self.unreadable = 0, 0
        self.scores: Counter[str] = Counter()
        self.interventions: Counter[str] = Counter()
        self.retractions: Counter[str] = Counter()
        self.suppressed: Counter[str] = Counter()
        self.rounds = Durations()
        self.emits, self.commits = Durations(), Durations()
        self.takeovers = Durations()
        self.restores = {begun: Durations() for begun in RESTORED_FROM}
        self.restored = dict.fromkeys(RESTORED_FROM, 0)
        self.cold_reads = 0

    def restore(self, begun: str, records: int, seconds: float) -> None:
        """A partition was restored: so many records of the changelog were read after what was there already."""
        self.restores[begun].add(seconds)
        self.restored[begun] += records

    def written(self, write: Write, seconds: float) -> None:
        """A transaction was committed, after so long."""
        (self.emits if write.offset is None else self.commits).add(seconds)
        self.told(write.outputs)

    def told(self, outputs: Iterable[Output]) -> None:
        """Count interventions, retractions and suppressions."""
        for topic, _, value, headers in outputs:
            if topic in _KIND_OF:
                retracted = any(name == "ce_type" and b".retracted." in type_ for name, type_ in headers)
                (self.retractions if retracted else self.interventions)[_KIND_OF[topic]] += 1
            elif topic == _UNREADABLE:
                self.unreadable += 1
            elif topic == SUPPRESSED.name:
                self.suppressed[_reason(value).reason] += 1

"""How far this worker has read its input partitions, in log time: what holds the watermark back, or lets it go.

"Now" may be said of a partition only when everything that it held at that moment is in the timeline. So the clock is
read first, then the broker is asked for the partition's end, and when all records before that end are acknowledged the
time on the clock is published. Until then a partition is as far as the last record that was read from it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from itertools import count
from typing import NamedTuple

from schemas.progress import Progress
from streams.clock import LogClock

PROBE_EVERY_S = 0.2
REPEAT_EVERY = 25
"""Probes after which the progress is published again, although nothing has changed."""
InputPartition = tuple[str, int]


class Probe(NamedTuple):
    """At `now_ms` the partition ended before `end`, or later."""

    now_ms: int
    end: int


class Tracker:
    """The progress of one input partition. Its time never goes back."""

    def __init__(self, offset: int) -> None:
        self.progress = Progress(at_ms=-1, offset=offset)
        self._probe: Probe | None = None

    def acknowledged(self, next_offset: int, last_ms: int, now_ms: int) -> None:
        """Everything before `next_offset` is in the timeline; the last record is of `last_ms`, -1 where unknown."""
        self._advance(next_offset, min(last_ms, now_ms))
        self._look()

    def probed(self, probe: Probe) -> None:
        """The partition's end, as asked of the broker. An older probe that is not reached yet is kept."""
        if self._probe is None:
            self._probe = probe
        self._look()

    def _look(self) -> None:
        if self._probe is not None and self.progress.offset >= self._probe.end:
            self._advance(self.progress.offset, self._probe.now_ms)
            self._probe = None

    def _advance(self, offset: int, at_ms: int) -> None:
        self.progress = Progress(at_ms=max(at_ms, self.progress.at_ms), offset=max(offset, self.progress.offset))


Ends = Callable[[list[InputPartition]], Awaitable[Mapping[InputPartition, int]]]
Publish = Callable[[InputPartition, Progress], Awaitable[None]]


class ProgressKeeper:
    """The trackers of the input partitions that this worker reads, and the loop that probes and publishes."""

    def __init__(self, clock: LogClock, ends: Ends, publish: Publish) -> None:
        self.trackers: dict[InputPartition, Tracker] = {}
        self._clock, self._ends, self._publish = clock, ends, publish
        self._published: dict[InputPartition, Progress] = {}

    def assign(self, positions: Mapping[InputPartition, int]) -> None:
        """These partitions are this worker's now, from these offsets on. Those it had before keep their progress."""
        kept = self.trackers
        self.trackers = {part: kept.get(part) or Tracker(offset) for part, offset in positions.items()}
        self._published = {}

    def acknowledged(self, part: InputPartition, next_offset: int, last_ms: int) -> None:
        """Everything of `part` before `next_offset` is in the timeline."""
        tracker = self.trackers.get(part)
        if tracker is not None:
            tracker.acknowledged(next_offset, last_ms, self._clock.now_ms())

    def durable(self, offsets: Mapping[InputPartition, int]) -> None:
        """What is read now, each up to where it is in the timeline: also past what no reader sees (aborted records)."""
        if offsets.keys() != self.trackers.keys():
            self.assign(offsets)
        for part, offset in offsets.items():
            self.trackers[part].acknowledged(offset, -1, -1)

    async def run(self, read: Callable[[], Mapping[InputPartition, int]], beat: Callable[[], None]) -> None:
        """Probe and publish until cancelled. A broker that does not answer a probe holds the watermark back.

        `read` gives the input partitions that are read now, each with the offset up to which it is durable. `beat`
        is called each time, but where no probe was answered: a worker that reaches no broker for long must end.
        """
        for turn in count():
            if turn % REPEAT_EVERY == 0:
                self.repeat()
            self.durable(read())
            answered = await self.probe()
            await self.publish()
            if answered:
                beat()
            await asyncio.sleep(PROBE_EVERY_S)

    def repeat(self) -> None:
        """Publish everything again the next time: an older word of a zombie may have come behind ours."""
        self._published.clear()

    async def probe(self) -> bool:
        """Read the clock, then ask where the partitions end. False where there was no answer."""
        now_ms, parts = self._clock.now_ms(), list(self.trackers)
        if now_ms < 0 or not parts:
            return True
        ends = await self._ends(parts)
        for part, end in ends.items():
            if part in self.trackers:
                self.trackers[part].probed(Probe(now_ms, end))
        return bool(ends)

    async def publish(self) -> None:
        """Tell all workers what has changed since the last time."""
        for part, tracker in list(self.trackers.items()):
            if tracker.progress.at_ms >= 0 and self._published.get(part) != tracker.progress:
                self._published[part] = tracker.progress
                await self._publish(part, tracker.progress)

"""The lanes of a log that is made here: it has a TICK only where something arrived, and none in a silence."""

from collections.abc import Iterable
from typing import Final

from schemas.kinds import LAST_CLICK
from schemas.timeline import SLOT_AT, Tick, decode_tick, encode_tick
from streams.core.ticks import EVERY_MS
from streams.pipeline import Partition
from streams.replay.books import Books
from streams.replay.lane import Lane
from streams.replay.scorers import Scorer
from streams.replay.timeline import Logged
from streams.replay.timeline_lines import log_time_ms

NEVER: Final = 1 << 62


class LogTime:
    """The last TICK that was made, which stands for all partitions. Times are -1 before the first."""

    def __init__(self) -> None:
        self.tick: Logged | None = None
        self.at_ms = self.consent_ms = self.before_ms = -1

    def move(self, tick: Logged, lanes: Iterable["VirtualLane"]) -> None:
        """Log time goes on: for each of the lanes in which something may be due by now."""
        self.tick, self.before_ms = tick, self.at_ms
        self.at_ms, self.consent_ms = decode_tick(tick.value)
        for lane in lanes:
            if lane.due_ms <= self.at_ms:
                lane.fire()


class VirtualLane(Lane):
    """In a silence it makes those TICKs that a timer waits for.

    A worker writes a TICK in every second, and timers fire at the first that passes them. Of these seconds only those
    are stepped in which something is due; a TICK by which nothing is due, and after which nothing came, is left out.
    `due_ms` is when something may be due at the earliest: a timer, or what an event that is not stepped yet may set.
    """

    def __init__(self, number: int, partition: Partition, scorer: Scorer, books: Books, time: LogTime) -> None:
        super().__init__(number, partition, scorer, books)
        self.due_ms = NEVER
        self._unstepped_ms = NEVER  # of events in the block
        self._time = time
        self._given: Logged | None = None  # the last TICK that came into a block

    def give(self, record: Logged) -> None:
        """Take the next event of the partition's log."""
        if self._given is not self._time.tick:
            self._let_waiting()
        value = record.value
        if value[SLOT_AT] > LAST_CLICK:
            self._unstepped_ms = min(self._unstepped_ms, log_time_ms(value) + 1)  # a timer fires after its event
            self.due_ms = min(self.due_ms, self._unstepped_ms)
        self._add(record)

    def end(self) -> None:
        """As of any lane."""
        self._let_waiting()
        super().end()

    def fire(self) -> None:
        """Step the seconds up to the last TICK in which something is due."""
        time, before_ms = self._time, self._time.before_ms
        while self.due_ms <= time.at_ms:
            if self._unstepped_ms <= self.due_ms:
                self._step()
                continue
            seconds = max(1, -(-(self.due_ms - before_ms) // EVERY_MS))
            before_ms = min(time.at_ms, before_ms + seconds * EVERY_MS)
            self._tick(time.at_ms - before_ms)
            self._step()

    def _tick(self, behind_ms: int) -> None:
        """The TICK that a worker would have written so long before the last one."""
        tick, time = self._time.tick, self._time
        if tick is None:
            return
        if behind_ms:
            value = encode_tick(Tick(time.at_ms - behind_ms, time.consent_ms - behind_ms))
            self._hear(Logged(tick.offset, None, value, tick.at_ms - behind_ms), time.consent_ms - behind_ms)
        else:
            self._given = tick
            self._hear(tick, time.consent_ms)

    def _let_waiting(self) -> None:
        """The last TICK belongs to the log: something comes after it."""
        if self._given is not self._time.tick:
            self._tick(0)

    def _step(self) -> None:
        super()._step()
        timers = self.partition.shard.timers
        self._unstepped_ms, self.due_ms = NEVER, timers[0][0] if timers else NEVER

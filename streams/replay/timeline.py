"""A recorded log as timeline partitions, in memory: the same ingest rules, the same TICKs, no broker."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

import msgspec

from schemas.dead_letters import DeadLetter
from schemas.timeline import Tick, encode_tick
from schemas.topics import INPUTS
from streams.core.clean import CleanRules, Input, clean
from streams.core.partitions import timeline_partition
from streams.core.ticks import EVERY_MS
from streams.feed import ELSEWHERE, Arrival
from streams.replay.share import WHOLE, Share

EVERY_PARTITION: Final = -1
"""Stands for all partitions that are made."""
Refuse = Callable[[int, Arrival, DeadLetter], None]


class Logged(msgspec.Struct, gc=False):
    """A record of the timeline, as a step takes it. `at_ms` is when it arrived, on log time.

    A struct, as one is made for every event: it costs a quarter of a tuple with names.
    """

    offset: int
    key: bytes | None
    value: bytes
    at_ms: int


class Cut(NamedTuple):
    """Into how many partitions the timeline is cut, and which of them are made.

    `keyed`: an arrival's key, where it has one, is the shopper that its event names; nobody has to look into it.
    """

    partitions: int = 1
    share: Share = WHOLE
    keyed: bool = False


class _Shopper(msgspec.Struct, rename="camel", gc=False):
    """All that tells the partition of an event."""

    user_id: str | None = None
    anonymous_id: str | None = None


_shopper = msgspec.json.Decoder(_Shopper).decode


class VirtualIngest:
    """Ingests arrivals as a worker does, each input topic being one partition.

    `read` counts arrivals; of the partitions that are made, `believed` counts events and `refused` dead letters. A dead
    letter belongs to the partition of its shopper, or where that cannot be told, to the first.
    """

    def __init__(
        self,
        lateness_ms: int = 5_000,
        max_clock_ahead_ms: int = 60_000,
        cut: Cut = Cut(),  # noqa: B008  a tuple
        refuse: Refuse = lambda *_: None,
    ) -> None:
        self.read = self.believed = self.refused = 0
        self._lateness_ms = lateness_ms
        self._rules = CleanRules(max_clock_ahead_ms=max_clock_ahead_ms, trust_append_time=False)
        self._sources = {topic.name: Input(topic.name, topic.id, 0) for topic in INPUTS}
        self._offsets = dict.fromkeys(self._sources, 0)
        self._count, self._share, self._keyed = cut
        self._mine = frozenset(number for number in range(cut.partitions) if cut.share.has(number))
        self._perhaps_mine = self._mine | {None}
        self._written = 0
        self._refuse = refuse

    def timeline(self, arrivals: Iterable[Arrival], run_on_ms: int = 0) -> Iterator[Logged]:
        """The timeline of the arrivals, all its partitions as one."""
        return (record for _, record in self.partitions(arrivals, run_on_ms))

    def partitions(self, arrivals: Iterable[Arrival], run_on_ms: int = 0) -> Iterator[tuple[int, Logged]]:
        """Partition and record; log time runs on for `run_on_ms` at the end.

        A TICK a second stands in each partition: it comes once, for `EVERY_PARTITION`. Offsets rise over all of them.
        """
        at_ms, tick_at_ms, cleaned_of = -1, self._lateness_ms + EVERY_MS - 1, self._cleaned
        for arrival in arrivals:
            if arrival.at_ms > at_ms:
                at_ms = arrival.at_ms
                if at_ms >= tick_at_ms:
                    tick_at_ms = at_ms + EVERY_MS
                    yield self._tick(at_ms - self._lateness_ms, at_ms)
            self.read += 1
            if (cleaned := cleaned_of(arrival)) is not None:
                yield cleaned
        if at_ms >= 0:
            yield self._tick(at_ms + run_on_ms, at_ms + run_on_ms)

    def _cleaned(self, arrival: Arrival) -> tuple[int, Logged] | None:
        at_ms, topic, of, value, headers = arrival
        source = self._sources.get(topic)
        if source is None:
            self._refused(arrival, _no_input(topic))
            return None
        offset = self._offsets[topic]
        self._offsets[topic] = offset + 1
        if self._share.of > 1 and (value is ELSEWHERE or not self._is_perhaps_mine(of, arrival)):
            return None
        done = clean(source, offset, value, headers, at_ms, self._rules)
        if not isinstance(done, tuple):
            self._refused(arrival, done)
            return None
        key, value, _ = done
        partition = timeline_partition(key, self._count)
        if partition not in self._mine:
            return None
        self.believed += 1
        self._written += 1
        return partition, Logged(self._written - 1, key, value, at_ms)

    def _refused(self, arrival: Arrival, letter: DeadLetter) -> None:
        partition = self._told(arrival) or 0
        if partition in self._mine:
            self.refused += 1
            self._refuse(partition, arrival, letter)

    def _is_perhaps_mine(self, key: bytes | None, arrival: Arrival) -> bool:
        if self._keyed and key is not None:
            return timeline_partition(key, self._count) in self._mine
        return self._told(arrival) in self._perhaps_mine

    def _told(self, arrival: Arrival) -> int | None:
        """The partition of whom the event names; None where only ingest can tell, if anybody."""
        if arrival.headers:
            return None
        try:
            found = _shopper(arrival.value)
            key = (found.user_id or found.anonymous_id or "").encode()
        except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
            return None
        return timeline_partition(key, self._count) if key else None

    def _tick(self, tick_ms: int, at_ms: int) -> tuple[int, Logged]:
        self._written += 1
        return EVERY_PARTITION, Logged(self._written - 1, None, encode_tick(Tick(tick_ms, tick_ms)), at_ms)


def _no_input(topic: str) -> DeadLetter:
    reason = f"expected a record for one of {', '.join(topic.name for topic in INPUTS)}, got one for {topic}"
    return DeadLetter(stage="DECODE", failure="unknown_type", reason=reason)

"""A recorded log as one timeline partition, in memory: the same ingest rules, the same TICKs, no broker."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from schemas.timeline import Tick, encode_tick
from schemas.topics import INPUTS
from streams.core.clean import CleanRules, Input, clean
from streams.core.ticks import EVERY_MS
from streams.feed import Arrival

_TOPICS = {topic.name: topic for topic in INPUTS}


class Logged(NamedTuple):
    """A record of the timeline, as a step takes it. `at_ms` is when it arrived, on log time."""

    offset: int
    key: bytes | None
    value: bytes
    at_ms: int


class VirtualIngest:
    """Ingests arrivals as a worker does, each input topic being one partition. `refused` counts dead letters."""

    def __init__(self, lateness_ms: int = 5_000, max_clock_ahead_ms: int = 60_000) -> None:
        self.refused = 0
        self._lateness_ms = lateness_ms
        self._rules = CleanRules(max_clock_ahead_ms=max_clock_ahead_ms, trust_append_time=False)
        self._offsets: Counter[str] = Counter()
        self._written = 0

    def timeline(self, arrivals: Iterable[Arrival], run_on_ms: int = 0) -> Iterator[Logged]:
        """The timeline of the arrivals, with a TICK a second; log time runs on for `run_on_ms` at the end."""
        ticked_ms = at_ms = -1
        for arrival in arrivals:
            at_ms = max(at_ms, arrival.at_ms)
            if at_ms - self._lateness_ms >= ticked_ms + EVERY_MS:
                ticked_ms = at_ms - self._lateness_ms
                yield self._tick(ticked_ms, at_ms)
            yield from self._cleaned(arrival)
        if at_ms >= 0:
            yield self._tick(at_ms + run_on_ms, at_ms + run_on_ms)

    def _cleaned(self, arrival: Arrival) -> Iterator[Logged]:
        topic = _TOPICS[arrival.topic]
        offset = self._offsets[topic.name]
        self._offsets[topic.name] += 1
        source = Input(topic.name, topic.id, 0)
        done = clean(source, offset, arrival.value, arrival.headers, arrival.at_ms, self._rules)
        if isinstance(done, tuple):
            yield self._logged(done[0], done[1], arrival.at_ms)
        else:
            self.refused += 1

    def _tick(self, tick_ms: int, at_ms: int) -> Logged:
        return self._logged(None, encode_tick(Tick(tick_ms, tick_ms)), at_ms)

    def _logged(self, key: bytes | None, value: bytes, at_ms: int) -> Logged:
        self._written += 1
        return Logged(self._written - 1, key, value, at_ms)

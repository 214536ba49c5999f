"""Feeds a recorded or simulated shop to Kafka on log time, at a chosen speed, and writes what time it is on the log.

Log time is told after everything earlier is acknowledged, so a consumer that has read all inputs up to the moment it
heard the clock has seen all that happened before.
"""

import asyncio
import time
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from schemas.progress import Clock, encode
from schemas.topics import CLOCK
from streams.feed import Arrival
from streams.sender import Sender
from streams.settings import Settings

SLICE_S: Final = 0.02
SLICE_RECORDS: Final = 4_000
CLOCK_EVERY_S: Final = 0.1
CLOCK_EVERY_MS: Final = 1_000
RUN_ON_WITHIN_S: Final = 10.0
RUN_ON_STEPS: Final = 50
REMEMBERED: Final = 50_000


class SentTimes:
    """When log time was sent, as pairs of (log time in ms, wall clock in s since the epoch), both rising."""

    def __init__(self) -> None:
        self.pairs: deque[tuple[int, float]] = deque(maxlen=REMEMBERED)

    def add(self, log_ms: int, wall_s: float) -> None:
        """Everything up to `log_ms` was sent at `wall_s`."""
        if not self.pairs or log_ms > self.pairs[-1][0]:
            self.pairs.append((log_ms, wall_s))

    def wall_s_of(self, log_ms: int) -> float | None:
        """When what arrived at `log_ms` was sent; None where it was not yet, or so long ago that it is forgotten."""
        at = bisect_left(self.pairs, log_ms, key=lambda pair: pair[0])
        forgotten = at == 0 and len(self.pairs) == REMEMBERED
        return None if at == len(self.pairs) or forgotten else self.pairs[at][1]


class Pace(NamedTuple):
    """Log time as a function of the wall clock: `speed` times as fast, or as fast as possible where it is 0."""

    start_ms: int
    start_s: float
    speed: float

    def due_ms(self, now_s: float) -> float:
        """The log time at `now_s`, on the clock of `start_s`.

        >>> Pace(start_ms=1_000, start_s=50.0, speed=600).due_ms(50.5)
        301000.0
        """
        return self.start_ms + (now_s - self.start_s) * self.speed * 1000 if self.speed else float("inf")


def run_on_ms(settings: Settings) -> int:
    """How long log time runs on after the last event, so that every open cart resolves."""
    return int((settings.cart_idle_s + 2 * settings.lateness_s + 5) * 1000)


class Feeder:
    """One feed. `counts` are the records sent by topic; `sent` and `clocks` say when log time was sent, and told."""

    def __init__(self, settings: Settings, speed: float, on_progress: Callable[[int], None] | None = None) -> None:
        """`speed` is a multiple of recorded time, 0 for as fast as possible; `on_progress` hears the log time in ms."""
        self.counts: Counter[str] = Counter()
        self.sent, self.clocks = SentTimes(), SentTimes()
        self._settings, self._speed = settings, speed
        self._on_progress = on_progress or (lambda _: None)
        self._next_clock_s = 0.0

    async def feed(self, arrivals: Iterable[Arrival], run_on: int | None = None) -> Counter[str]:
        """Send all arrivals, then let log time run on for `run_on` ms. Returns how many went to each topic.

        Raises `NoBroker` and `SendFailed`, and what `arrivals` raises.
        """
        rest = _Peekable(arrivals)
        if rest.next_ms is None:
            return self.counts
        async with Sender(self._settings.broker, self._settings.topic_prefix) as sender:
            await self._tell(sender, rest.next_ms)
            last_ms = await self._send_all(sender, rest, Pace(rest.next_ms, time.monotonic(), self._speed))
            await self._run_on(sender, last_ms, run_on_ms(self._settings) if run_on is None else run_on)
        return self.counts

    async def _send_all(self, sender: Sender, rest: "_Peekable", pace: Pace) -> int:
        """Returns the log time of the last arrival."""
        while rest.next_ms is not None:
            due_ms, wall_s = pace.due_ms(time.monotonic()), time.time()
            due = rest.until(due_ms, SLICE_RECORDS)
            await sender.send(due)
            self.counts.update(arrival.topic for arrival in due)
            done_ms = rest.last_ms if rest.next_ms is None else int(min(due_ms, rest.next_ms))
            behind = len(due) == SLICE_RECORDS
            self.sent.add(rest.last_ms if behind else done_ms, wall_s)
            self._on_progress(done_ms)
            if time.monotonic() >= self._next_clock_s:
                await self._tell(sender, done_ms)
            await asyncio.sleep(0 if behind else SLICE_S)
        return rest.last_ms

    async def _tell(self, sender: Sender, log_ms: int, least_ms: int = CLOCK_EVERY_MS) -> None:
        """Write log time, after everything before it is acknowledged. Less than `least_ms` more is not told."""
        told = self.clocks.pairs
        if told and log_ms - told[-1][0] < least_ms:
            return
        await sender.acknowledged()
        wall_s = time.time()
        await sender.send([Arrival(log_ms, CLOCK.name, None, encode(Clock(at_ms=log_ms)))])
        self.clocks.add(log_ms, wall_s)
        self._next_clock_s = time.monotonic() + CLOCK_EVERY_S

    async def _run_on(self, sender: Sender, last_ms: int, length_ms: int) -> None:
        """At the same speed, or as much faster as it takes to be done within 10 s."""
        seconds = min(length_ms / 1000 / self._speed, RUN_ON_WITHIN_S) if self._speed else 0.0
        steps = RUN_ON_STEPS if seconds else 1
        for step in range(1, steps + 1):
            await asyncio.sleep(seconds / steps)
            log_ms = last_ms + length_ms * step // steps
            await self._tell(sender, log_ms, least_ms=1 if step == steps else CLOCK_EVERY_MS)
            self._on_progress(log_ms)
        await sender.acknowledged()


class _Peekable:
    """Arrivals, and the time of the next one. `next_ms` is None at the end; `last_ms` is that of the last one taken."""

    def __init__(self, arrivals: Iterable[Arrival]) -> None:
        self._arrivals: Iterator[Arrival] = iter(arrivals)
        self._next = next(self._arrivals, None)
        self.last_ms = -1

    @property
    def next_ms(self) -> int | None:
        return None if self._next is None else self._next.at_ms

    def until(self, due_ms: float, at_most: int) -> list[Arrival]:
        """Take what is due."""
        taken: list[Arrival] = []
        while self._next is not None and self._next.at_ms <= due_ms and len(taken) < at_most:
            taken.append(self._next)
            self.last_ms = self._next.at_ms
            self._next = next(self._arrivals, None)
        return taken

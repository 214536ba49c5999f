"""Writes TICKs into the timeline partitions that this worker owns, as far as all workers' progress allows."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from schemas.progress import KNOWN_KEY, decode_progress
from schemas.timeline import Tick, encode_tick
from schemas.topics import CONSENT
from streams.core import ticks
from streams.core.ticks import Source

LOOK_EVERY_S = 0.05
Append = Callable[[int, bytes], Awaitable[None]]

log = logging.getLogger(__name__)


class Inputs(Protocol):
    """The input partitions that existed at a moment of log time."""

    parts: set[Source]
    as_of_ms: int


class Ticker:
    """Hears the progress of all input partitions, and writes the TICKs that follow from it.

    `inputs` says which input partitions exist, and as of when. `owned` gives the timeline partitions of this worker,
    each with its watermark.
    """

    def __init__(
        self,
        append: Append,
        inputs: Inputs,
        owned: Callable[[], dict[int, int]],
        lateness_ms: int,
    ) -> None:
        self.progress: dict[Source, int] = {}
        self.now: Tick | None = None
        self.unreadable = 0
        self._append, self._inputs, self._owned, self._lateness_ms = append, inputs, owned, lateness_ms
        self._written: dict[int, int] = {}

    def heard(self, key: bytes | None, value: bytes) -> None:
        """Take in a record of the progress topic. Its time never goes back. What is none is counted, and said."""
        if key == KNOWN_KEY:
            return
        try:
            topic, _, partition = (key or b"").decode().rpartition("/")
            source, at_ms = (topic, int(partition)), decode_progress(value).at_ms
        except (ValueError, msgspec.MsgspecError) as error:
            self.unreadable += 1
            log.warning("expected a record of progress, got the key %r: %s; it is ignored", key, error)
            return
        self.progress[source] = max(at_ms, self.progress.get(source, -1))

    async def run(self, beat: Callable[[], None]) -> None:
        """Look and write until cancelled; `beat` is called after each time."""
        while True:
            await self.look()
            beat()
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Write the TICKs that are due."""
        as_of_ms, expected = self._inputs.as_of_ms, self._inputs.parts
        consent = [source for source in expected if source[0].endswith(CONSENT.name)]
        self.now = ticks.tick(self.progress, expected, consent, self._lateness_ms, as_of_ms)
        if self.now is None:
            return
        for partition, watermark_ms in self._owned().items():
            if ticks.due(self.now, max(watermark_ms, self._written.get(partition, -1))):
                self._written[partition] = self.now.at_ms
                await self._append(partition, encode_tick(self.now))

    def holding_back(self) -> list[Source]:
        """The input partitions that hold the watermark back most: not reported, else the slowest."""
        expected = self._inputs.parts
        silent = sorted(source for source in expected if source not in self.progress)
        return silent or sorted(expected, key=lambda source: self.progress[source])[:1]

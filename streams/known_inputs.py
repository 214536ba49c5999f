"""Which input partitions exist, and since when nobody can have made another one that we do not know."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from aiokafka.errors import KafkaError

from streams.clock import LogClock
from streams.connection import MissingTopicError
from streams.core.ticks import Source

ASK_EVERY_S: Final = 0.2

log = logging.getLogger(__name__)


class KnownInputs:
    """Asks for the input partitions, five times a second: one small request over a connection that is kept.

    `as_of_ms` is log time as it was just before the question. What a partition holds that is not in `parts` was
    appended after that, so no TICK may pass it. (A broker may tell of a new partition some milliseconds later than its
    leader takes records; the lateness allowed is longer.)
    """

    def __init__(self, ask: Callable[[], Awaitable[set[Source]]], clock: LogClock) -> None:
        self.parts: set[Source] = set()
        self.as_of_ms = -1
        self._ask, self._clock = ask, clock

    async def ask(self) -> None:
        """Ask once. Errors: those of the client, and `MissingTopicError`."""
        now_ms = self._clock.now_ms()
        self.parts = await self._ask()
        self.as_of_ms = now_ms

    async def run(self) -> None:
        """Ask until cancelled. While nobody answers, the watermark stands."""
        answered = True
        while True:
            await asyncio.sleep(ASK_EVERY_S)
            try:
                await self.ask()
                answered = True
            except (KafkaError, MissingTopicError, TimeoutError) as error:  # a broker that starts knows no topic yet
                if answered:
                    log.warning("no metadata of the input topics; the watermark stands until there is: %r", error)
                answered = False

"""Sends a shop's traffic to Kafka until it is acknowledged, however long that takes, and tells log time after it.

At least once: what no broker acknowledged is sent again. Every event has an id, so that does no harm.
"""

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Final, NamedTuple

import click
from aiokafka.errors import KafkaError

from schemas.progress import Clock, encode
from schemas.topics import CLOCK
from streams.chaos.shops import Shop
from streams.feed import Arrival
from streams.sender import Sender

SLICE_S: Final = 0.1
LONGEST_SLICE_S: Final = 0.5
"""Log time stands still while brokers do: a slice covers this much wall time at most."""
RUN_OFF: Final = 20
"""After closing time log time runs so many times as fast, until everybody has gone."""
ACKNOWLEDGED_S: Final = 30.0
AGAIN_S: Final = 0.5


class Sent(NamedTuple):
    """A slice of traffic: when it was handed over first, and acknowledged (ms of the wall clock; 0: it was not)."""

    at_ms: int
    acknowledged_ms: int
    records: int


class Producer:
    """Feeds one shop. `sent` tells of every slice, `told_ms` is the log time told last, `again` counts new attempts.

    `begun` is set when the first records are acknowledged.
    """

    def __init__(self, shop: Shop) -> None:
        self.sent: list[Sent] = []
        self.told_ms = -1
        self.again = 0
        self.begun = asyncio.Event()
        self._shop = shop
        self._log_ms = -1.0
        self._looked_s = time.monotonic()
        self._stack = AsyncExitStack()
        self._sender: Sender | None = None

    async def run(self, start_ms: int) -> None:
        """Send until the traffic is over, then let log time run on until every cart has come to its end."""
        self._log_ms, self._looked_s = float(start_ms), time.monotonic()
        async with self._stack:
            while not self._shop.traffic.over:
                await self._slice()
                await asyncio.sleep(SLICE_S)
            if self._shop.speed:
                settings = self._shop.settings
                self._log_ms += (settings.cart_idle_s + 2 * settings.lateness_s + 5) * 1_000
                await self._tell()

    async def _slice(self) -> None:
        self._advance()
        due = self._shop.traffic.due(self._log_ms)
        if due:
            at_ms = time.time_ns() // 1_000_000
            self.sent.append(Sent(at_ms, 0, len(due)))
            await self._until_acknowledged(due)
            self.sent[-1] = Sent(at_ms, time.time_ns() // 1_000_000, len(due))
            self.begun.set()
        if self._shop.speed:
            await self._tell()

    def _advance(self) -> None:
        now_s = time.monotonic()
        passed_s, self._looked_s = min(now_s - self._looked_s, LONGEST_SLICE_S), now_s
        if not self._shop.speed:
            self._log_ms = time.time_ns() / 1_000_000
        else:
            self._log_ms += passed_s * self._shop.speed * 1_000 * (RUN_OFF if self._shop.traffic.closed else 1)

    async def _tell(self) -> None:
        log_ms = int(self._log_ms)
        await self._until_acknowledged([Arrival(log_ms, CLOCK.name, None, encode(Clock(at_ms=log_ms)))])
        self.told_ms = log_ms

    async def _until_acknowledged(self, arrivals: list[Arrival]) -> None:
        while True:
            try:
                sender = await self._connected()
                await sender.send(arrivals)
                await sender.acknowledged()
            except (click.ClickException, KafkaError, TimeoutError):
                self.again += 1
                await self._stack.aclose()
                self._sender = None
                await asyncio.sleep(AGAIN_S)
            else:
                return

    async def _connected(self) -> Sender:
        if self._sender is None:
            settings = self._shop.settings
            sender = Sender(settings.broker, settings.topic_prefix, ACKNOWLEDGED_S)
            self._sender = await self._stack.enter_async_context(sender)
        return self._sender

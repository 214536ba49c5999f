"""Where processes run: what all workers of a world share."""

from typing import NamedTuple

from streams.clock import LogClock
from streams.core.shard import Rules
from tests.model.broker import Broker
from tests.model.shop import Shop


class Clock:
    """Log time now, the same for all processes of a world."""

    def __init__(self, shop: Shop, broker: Broker) -> None:
        self._shop, self._broker = shop, broker

    def now_ms(self) -> int:
        """Milliseconds."""
        return self._shop.at_ms(self._broker.now_s)


class Site(NamedTuple):
    """What a process is given. `commit_every` counts rounds; appends to `slow_partition` take long."""

    shop: Shop
    broker: Broker
    clock: LogClock
    rules: Rules
    commit_every: int
    slow_partition: int | None

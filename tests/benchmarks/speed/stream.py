"""A steady stream of events into Kairos' input topics: the mix of the benchmark, each event of the moment it is sent.

Every cart add opens a cart of its own. The message id begins with the time of sending, in nanoseconds.
"""

import random
import time
from collections.abc import Callable
from itertools import cycle
from typing import Final

from confluent_kafka import Producer

from schemas.topics import CART
from speed.events import SEED, SHOPPERS, kinds, value

RATE_PER_S: Final = 2_000
_BEAT_S: Final = 0.005


class Stream:
    """Sends events at `RATE_PER_S` while `run` runs. `sent` counts them."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self.sent = 0
        self._prefix = prefix
        self._rng = random.Random(SEED)
        self._kinds = cycle(kinds(self._rng))
        self._producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 1, "partitioner": "murmur2_random"})

    def run(self, go_on: Callable[[], bool]) -> None:
        """Send until `go_on` is false; a hiccup is made up for."""
        began_s, before = time.monotonic(), self.sent
        while go_on():
            due = int((time.monotonic() - began_s) * RATE_PER_S)
            while self.sent - before < due:
                self._send_one()
            self._producer.poll(0)
            time.sleep(_BEAT_S)
        self._producer.flush(10)

    def run_for(self, seconds: float) -> None:
        """Send for `seconds`."""
        until_s = time.monotonic() + seconds
        self.run(lambda: time.monotonic() < until_s)

    def _send_one(self) -> None:
        topic, shopper = next(self._kinds), f"u{self._rng.randrange(SHOPPERS):05}"
        cart = f"c{self.sent}" if topic is CART else ""
        now_ns = time.time_ns()
        made = value(topic, shopper, f"{now_ns}-{self.sent}", now_ns // 1_000_000, self._rng, cart)
        self._producer.produce(self._prefix + topic.name, made, shopper.encode())
        self.sent += 1

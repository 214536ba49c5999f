"""The scripted shoppers of one shop as an endless stream of records, with repeats and nonsense among them."""

import random
from collections.abc import Iterator
from heapq import heappop, heappush
from typing import Any, Final

import msgspec

from schemas.interventions import iso
from schemas.topics import CART, CLICK, INPUTS, PURCHASE
from streams.chaos.scripts import SCRIPTS, Shopper, Step
from streams.feed import Arrival

REPEATED: Final = 0.05
MALFORMED: Final = 0.02
MALFORMED_KEY: Final = b"malformed."
"""What the key of a record that nobody can believe begins with: it must become a dead letter."""
NONSENSE: Final = (b"", b"{", b"\x00\x00\x00\x00\x01{}", b"[]", b'{"event":"Order Completed"}', b"\xff\xfe\x00" * 50)
_EVENTS: Final = {
    "view": ("Product Viewed", CLICK),
    "add": ("Product Added", CART),
    "look": ("Cart Viewed", CART),
    "remove": ("Product Removed", CART),
    "buy": ("Order Completed", PURCHASE),
}
_LINE: Final = {"product_id": "mug", "price": 12.5, "quantity": 1, "currency": "EUR"}


class Traffic:
    """Shoppers come every `gap_ms` of log time on average, from `start_ms` on until `close`; a seed, the same shop."""

    def __init__(self, seed: int, start_ms: int, idle_ms: int, gap_ms: float) -> None:
        self._coming, self._dice = random.Random(seed), random.Random(seed)  # apart: who asks how often is no matter
        self._idle_ms, self._gap_ms = idle_ms, gap_ms
        self._next_ms, self._shoppers = float(start_ms), 0
        self._steps: list[tuple[int, int, Shopper, int]] = []
        self.closed = False

    @property
    def over(self) -> bool:
        """Whether the shop is closed and everybody has gone."""
        return self.closed and not self._steps

    def close(self) -> None:
        """Nobody comes any more; who is there follows the script to its end."""
        self.closed = True

    def due(self, until_ms: float) -> list[Arrival]:
        """What happens up to a moment of log time and was not told before, in the order in which it happens."""
        while not self.closed and self._next_ms <= until_ms:
            self._come(round(self._next_ms))
            self._next_ms += self._coming.expovariate(1 / self._gap_ms)
        found: list[Arrival] = []
        while self._steps and self._steps[0][0] <= until_ms:
            at_ms, _, shopper, index = heappop(self._steps)
            found += self._records(at_ms, shopper, index)
        return found

    def _come(self, at_ms: int) -> None:
        shopper = Shopper(self._coming.choice(list(SCRIPTS)), at_ms, self._shoppers)
        self._shoppers += 1
        for index, step in enumerate(SCRIPTS[shopper.script].steps):
            heappush(self._steps, (shopper.at_ms(step.at, self._idle_ms), shopper.number, shopper, index))

    def _records(self, at_ms: int, shopper: Shopper, index: int) -> Iterator[Arrival]:
        record = event(shopper, index, at_ms)
        yield record
        if self._dice.random() < REPEATED:
            yield record
        if self._dice.random() < MALFORMED:
            topic, key = self._dice.choice(INPUTS).name, MALFORMED_KEY + str(shopper.number).encode()
            yield Arrival(at_ms, topic, key, self._dice.choice(NONSENSE))


def message_id(shopper: Shopper, index: int) -> str:
    """What names the event: which step of whose script it is.

    >>> message_id(Shopper("buys", 5000, 17), 2)
    'buys.5000.17/2'
    """
    return f"{shopper.id}/{index}"


def event(shopper: Shopper, index: int, at_ms: int) -> Arrival:
    """The record of one step."""
    step = SCRIPTS[shopper.script].steps[index]
    name, topic = _EVENTS[step.act]
    body: dict[str, Any] = {
        "type": "track",
        "event": name,
        "messageId": message_id(shopper, index),
        "userId": shopper.id,
        "originalTimestamp": iso(at_ms),
        "properties": _properties(step, shopper),
    }
    return Arrival(at_ms, topic.name, shopper.id.encode(), msgspec.json.encode(body))


def _properties(step: Step, shopper: Shopper) -> dict[str, Any]:
    cart = {"cart_id": step.cart} if step.cart else {}
    if step.merges:
        cart["previous_cart_id"] = step.merges
    if step.act == "buy":
        return {"order_id": f"order-{shopper.number}", "currency": "EUR", "total": 12.5, "products": [_LINE], **cart}
    if step.act == "look":
        return {"currency": "EUR", "products": [_LINE], **cart}
    return {**_LINE, **cart}

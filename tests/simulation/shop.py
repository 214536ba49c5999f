"""What happens in the shop of a world: events that say which nudges are due, and bytes that are no events."""

from random import Random
from typing import Final, NamedTuple

import msgspec
from faust.types import TP

from schemas.interventions import iso
from schemas.topics import CART, CLICK, CONSENT, PURCHASE, Topic

START_MS: Final = 1_790_000_040_000
IDLE_S, LATE_S, SPAN_S = 60, 5, 400
"""In log time: a cart is abandoned, an event is late, the shop closes."""
INPUT_PARTITIONS: Final = {CLICK: 1, CART: 2, PURCHASE: 2, CONSENT: 1}
POISON: Final = (
    b"",
    b"\xff\xfe\x00",
    b"{",
    b"[1, 2]",
    b'{"event":"Product Added"}',
    b'{"event":"No Such Event","messageId":"x","userId":"u","timestamp":"2026-09-21T14:13:20Z"}',
    b'{"event":"Product Added","messageId":"x","userId":"u","timestamp":"yesterday","properties":{}}',
    b"\x00\x00\x00\x00\x07not json",
    b"{" * 5_000,
    None,
)


class Arrival(NamedTuple):
    """A record on its way; times are seconds of log time since the shop opened."""

    at_s: float
    tp: TP
    value: bytes | None


class Cart(NamedTuple):
    """A cart, and what must become of it."""

    user: str
    cart_id: str
    abandoned: bool


class Shop:
    """`arrivals` in order; `carts` with what is due; `events` by shopper, each once; `poison` is no event."""

    def __init__(self, rng: Random, shoppers: int = 10) -> None:
        self.carts: list[Cart] = []
        self.events: dict[str, set[str]] = {}
        self.poison = 0
        self._rng = rng
        self._found: list[Arrival] = []
        for number in range(shoppers):
            self._visit(f"shopper-{number}")
        if rng.random() < 0.5:
            self._spoil(rng.randrange(1, 6))
        self.arrivals = sorted(self._found, key=lambda arrival: arrival.at_s)

    def _visit(self, user: str) -> None:
        rng, at_s = self._rng, self._rng.random() * 60
        if rng.random() < 0.3:
            self._tell(CONSENT, "Segment Consent Preference Updated", user, at_s, {"marketing": True})
        while at_s < SPAN_S - 3 * IDLE_S:
            for _ in range(rng.randrange(3)):
                self._tell(CLICK, "Product Viewed", user, at_s, {"product_id": f"p{rng.randrange(9)}"})
                at_s += rng.random() * 10
            if rng.random() < 0.8:
                at_s = self._fill(user, at_s)
            at_s += rng.random() * 40

    def _fill(self, user: str, at_s: float) -> float:
        """A cart from its first product to its end: when that is."""
        rng, cart_id = self._rng, f"{user}-{len(self.carts)}"
        product = {"product_id": f"p{rng.randrange(9)}", "price": 9.5, "quantity": 1}
        for _ in range(rng.randrange(1, 3)):
            self._tell(CART, "Product Added", user, at_s, product | {"currency": "EUR", "cart_id": cart_id})
            last_s, at_s = at_s, at_s + 1 + rng.random() * 20
        bought = rng.random()
        bought_s = last_s + (1 + rng.random() * (IDLE_S - 2) if bought < 0.5 else IDLE_S + 1 + rng.random() * 20)
        if bought < 0.7:
            order = {"order_id": cart_id, "total": 9.5, "currency": "EUR", "products": [product], "cart_id": cart_id}
            self._tell(PURCHASE, "Order Completed", user, bought_s, order)
        self.carts.append(Cart(user, cart_id, abandoned=bought >= 0.5))
        return max(bought_s, last_s + IDLE_S) + 2 * LATE_S

    def _tell(self, topic: Topic, name: str, user: str, at_s: float, about: dict) -> None:
        rng, mine = self._rng, self.events.setdefault(user, set())
        message_id = f"{user}-{len(mine)}"
        mine.add(message_id)
        said = {"event": name, "messageId": message_id, "userId": user, "timestamp": iso(at_ms(at_s))}
        if topic is CONSENT:
            said["context"] = {"consent": {"categoryPreferences": about}}
        value = msgspec.json.encode(said | {"properties": about if topic is not CONSENT else {}})
        for _ in range(2 if rng.random() < 0.05 else 1):  # some producers say it twice
            self._found.append(Arrival(at_s + rng.random() * (LATE_S - 1), self._place(topic), value))

    def _spoil(self, count: int) -> None:
        for _ in range(count):
            topic = self._rng.choice(tuple(INPUT_PARTITIONS))
            value = self._rng.choice(POISON)
            self._found.append(Arrival(self._rng.random() * SPAN_S, self._place(topic), value))
        self.poison += count

    def _place(self, topic: Topic) -> TP:
        return TP(topic.name, self._rng.randrange(INPUT_PARTITIONS[topic]))


def at_ms(at_s: float) -> int:
    """Log time."""
    return round(START_MS + at_s * 1_000)

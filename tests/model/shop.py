"""What happens in the shop: the input topics of one world, from a seed. Times are seconds since the world began."""

from random import Random
from typing import NamedTuple

from xxhash import xxh3_64_intdigest

from schemas.kinds import Kind
from schemas.timeline import Coordinate, Detail, Item, Slot, encode_entry
from schemas.topics import CART, CLICK, CONSENT, PURCHASE, Topic
from streams.core.ticks import Source

SPAN_S, IDLE_S, LATE_S, FAULTS_END_S, END_S = 80, 32, 4, 122, 126
DAY_S = 86_400
BORN_S = 20_000 * DAY_S
SOURCES: dict[Source, Topic] = {
    (CLICK.name, 0): CLICK,
    (CART.name, 0): CART,
    (PURCHASE.name, 0): PURCHASE,
    (PURCHASE.name, 1): PURCHASE,
    (CONSENT.name, 0): CONSENT,
}
MOST = {CLICK: 12, CART: 18, PURCHASE: 10, CONSENT: 4}
KINDS = {
    CLICK: (Kind.PRODUCT_VIEWED, Kind.PRODUCT_VIEWED, Kind.PRODUCT_VIEWED, Kind.PRODUCTS_SEARCHED),
    CART: (Kind.PRODUCT_ADDED,) * 6 + (Kind.PRODUCT_REMOVED,) * 2 + (Kind.CART_VIEWED, Kind.CHECKOUT_STARTED),
    PURCHASE: (Kind.ORDER_COMPLETED,) * 7 + (Kind.ORDER_REFUNDED,),
    CONSENT: (Kind.CONSENT_UPDATED,),
}
SHOPPERS = (b"ann-3140", b"bob-5482", b"eve-999", b"kim-2271")
"""Two in each of two partitions of the timeline; who is to be forgotten is looked for among all of them at midnight."""
MUG, CUP = Item("mug", 1_000), Item("cup", 500)


class Happening(NamedTuple):
    """What an input record says: about one shopper, or about several at once."""

    kind: Kind
    at_s: float
    users: tuple[int, ...]
    details: tuple[Detail, ...]


class Input(NamedTuple):
    """A record of an input partition; it is there from `arrived_s` on."""

    arrived_s: int
    source: Coordinate
    happening: Happening


class Habits(NamedTuple):
    """What differs between worlds, beside chance.

    `late`: some events come later than is allowed. `forgets`: midnight passes, and at midnight whoever has no open cart
    is forgotten. `ahead`: clocks of shoppers run ahead, and nothing clamps them.
    """

    late: bool
    forgets: bool
    ahead: bool = False


class Shop:
    """The inputs of a world, and the pure function that says whose key a record gets."""

    def __init__(self, rng: Random, habits: Habits) -> None:
        self.habits = habits
        midnight_s = BORN_S + DAY_S
        self.began_s = midnight_s - (rng.randrange(30, SPAN_S) if habits.forgets else rng.choice((40_000, 3_660)))
        self._links = {user: rng.randrange(10, SPAN_S) for user in rng.sample(range(len(SHOPPERS)), 2)}
        self.inputs = {source: self._inputs(rng, source, topic) for source, topic in SOURCES.items()}

    def key(self, user: int, at_s: int) -> bytes:
        """Two of the shoppers are known by another key from some time on."""
        return SHOPPERS[(user + (at_s >= self._links.get(user, at_s + 1))) % len(SHOPPERS)]

    def at_ms(self, at_s: float) -> int:
        """Log time."""
        return round((self.began_s + at_s) * 1_000)

    def entries(self, record: Input, at_s: float | None = None) -> list[bytes]:
        """The timeline records of an input record. `at_s`: another time than its own."""
        happening = record.happening
        at_ms = self.at_ms(happening.at_s if at_s is None else at_s)
        return [
            encode_entry(record.source._replace(ordinal=nth), _slot(happening.kind, at_ms, detail), detail)
            for nth, detail in enumerate(happening.details)
        ]

    def _inputs(self, rng: Random, source: Source, topic: Topic) -> list[Input]:
        found: list[Input] = []
        arrivals = sorted(rng.randrange(SPAN_S) for _ in range(rng.randrange(2, MOST[topic])))
        for offset, arrived_s in enumerate(arrivals):
            at = Coordinate(topic.id, source[1], offset)
            again = rng.choice(found).happening if found and rng.random() < 0.08 else None
            found.append(Input(arrived_s, at, again or self._happening(rng, topic, at, arrived_s)))
        return found

    def _happening(self, rng: Random, topic: Topic, at: Coordinate, arrived_s: int) -> Happening:
        delay_s: float = rng.choice((0, 0, 1, LATE_S - 1, LATE_S, LATE_S))
        if self.habits.late and rng.random() < 0.3:
            delay_s += rng.randrange(60)
        if self.habits.ahead and rng.random() < 0.1:
            delay_s = -rng.randrange(60)
        users = tuple(rng.sample(range(len(SHOPPERS)), 2 if rng.random() < 0.15 else 1))
        kind = rng.choice(KINDS[topic])
        details = tuple(_detail(rng, kind, f"{topic.id}-{at.partition}-{at.offset}-{nth}") for nth in range(len(users)))
        return Happening(kind, min(SPAN_S - 1, max(0, arrived_s - delay_s)), users, details)


def _detail(rng: Random, kind: Kind, message_id: str) -> Detail:
    if kind == Kind.CONSENT_UPDATED:
        return Detail(message_id, consents=(("marketing", rng.random() < 0.7),))
    items: tuple[Item, ...] = (MUG,) if rng.random() < 0.7 else (CUP,)
    if kind in (Kind.CART_VIEWED, Kind.CHECKOUT_STARTED, Kind.ORDER_COMPLETED):
        items = rng.choice(((), items, (MUG, CUP)))
    cart_id = rng.choice(("", "", "", "a", "b"))
    previous = "a" if cart_id == "b" and rng.random() < 0.5 else ""
    return Detail(message_id, items, "EUR", cart_id=cart_id, previous_cart_id=previous)


def id_of(message_id: str) -> int:
    """The 48 bits of a message id that a slot holds."""
    return xxh3_64_intdigest(message_id.encode()) & (1 << 48) - 1


def _slot(kind: Kind, at_ms: int, detail: Detail) -> Slot:
    return Slot(kind, at_ms, id_of(detail.message_id), 1, 1, 1_000)

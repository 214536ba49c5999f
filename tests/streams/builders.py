"""One-line builders of timeline records: time is written by hand, in seconds."""

from typing import NamedTuple

import xxhash

from schemas.kinds import Kind
from schemas.timeline import Coordinate, Detail, Item, Slot, Tick, encode_entry, encode_tick
from schemas.topics import CART, CLICK, CONSENT, PURCHASE

SOURCES = {
    **dict.fromkeys(range(1, 5), CLICK.id),
    **dict.fromkeys(range(5, 9), CART.id),
    9: PURCHASE.id,
    10: PURCHASE.id,
}


class Record(NamedTuple):
    """A record of a timeline partition."""

    offset: int
    key: bytes | None
    value: bytes | None


class Log:
    """A timeline partition that is written by hand. Sources count their own offsets."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self._next: dict[int, int] = {}

    def add(
        self, kind: Kind, at_s: float, user: str = "ann", id_: str = "", source: Coordinate | None = None, **detail
    ) -> "Log":
        """An event; `items` in `detail` are products, by default one mug of 10.00."""
        topic = SOURCES.get(kind, CONSENT.id)
        if source is None:
            source = Coordinate(topic, 0, self._next.get(topic, 0))
            self._next[topic] = source.offset + 1
        message_id = id_ or f"m{source}"
        detail = {"items": (Item("mug", 1_000),), "currency": "EUR"} | detail
        hashed = xxhash.xxh3_64_intdigest(message_id.encode()) & (1 << 48) - 1
        slot = Slot(kind, round(at_s * 1_000), hashed, 1, 1, 1_000)
        self.records.append(
            Record(len(self.records), user.encode(), encode_entry(source, slot, Detail(message_id, **detail)))
        )
        return self

    def view(self, at_s: float, **more) -> "Log":
        return self.add(Kind.PRODUCT_VIEWED, at_s, **more)

    def cart(self, at_s: float, **more) -> "Log":
        return self.add(Kind.PRODUCT_ADDED, at_s, **more)

    def remove(self, at_s: float, **more) -> "Log":
        return self.add(Kind.PRODUCT_REMOVED, at_s, **more)

    def buy(self, at_s: float, **more) -> "Log":
        return self.add(Kind.ORDER_COMPLETED, at_s, **more)

    def consent(self, at_s: float, granted: bool, **more) -> "Log":
        return self.add(Kind.CONSENT_UPDATED, at_s, items=(), consents=(("marketing", granted),), **more)

    def tick(self, at_s: float, consent_s: float | None = None) -> "Log":
        """Nothing older than `at_s` will come; consent was read as far, where nothing else is said."""
        consent_ms = round((at_s if consent_s is None else consent_s) * 1_000)
        value = encode_tick(Tick(round(at_s * 1_000), consent_ms))
        self.records.append(Record(len(self.records), None, value))
        return self

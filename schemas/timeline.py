"""The timeline record: the product's own log, which state and decisions are a function of.

Fixed part, little-endian: version, source (topic id, partition, position), message id, then the slot of the shopper's
history; a msgpack tail holds what the slot has no room for. A decide agent reads the tail of carts and purchases only.
The Kafka key is the shopper. TICK and CONTROL records have no key, and go to every partition.
"""

from struct import Struct
from typing import Final, NamedTuple

import msgspec

from schemas.history import ID_SIZE, SLOT, SLOT_SIZE
from schemas.kinds import Kind

VERSION: Final = 1
SOURCE: Final = Struct("<BBHQ")
"""Version, source topic id, source partition, and the position in it: the source offset, then 16 bits of the ordinal
within the source record."""
ORDINAL_BITS: Final = 16
ID_AT: Final = SOURCE.size
SLOT_AT: Final = ID_AT + ID_SIZE
TAIL_AT: Final = SLOT_AT + SLOT_SIZE
TIMES: Final = Struct("<qq")


class Coordinate(NamedTuple):
    """Where a record came from. `topic_id` is `Topic.id` of the table in `schemas/topics.py`."""

    topic_id: int
    partition: int
    offset: int
    ordinal: int = 0

    def __str__(self) -> str:
        """A text form that never changes: ids of interventions are made from it."""
        return f"{self.topic_id}/{self.partition}/{self.offset}/{self.ordinal}"


class Item(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A product in an event or in a cart. `price` is minor units of one, -1 where it is unknown."""

    product_id: str
    price: int = -1
    quantity: int = 1
    category: str = ""
    name: str = ""


class Detail(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The tail of an event: the canonical event without what the fixed part holds. Empty text means absent."""

    message_id: str
    items: tuple[Item, ...] = ()
    currency: str = ""
    session_id: str = ""
    cart_id: str = ""
    previous_cart_id: str = ""
    order_id: str = ""
    value: int = -1  # minor units of the whole order or cart, -1 where unknown
    query: str = ""
    consents: tuple[tuple[str, bool], ...] = ()
    traceparent: str = ""


class Slot(NamedTuple):
    """The fixed part of an event, unpacked. See `schemas/history.py` for the units."""

    kind: Kind
    at_ms: int
    id: int
    item: int
    category: int
    price: int


class Entry(NamedTuple):
    """A timeline record of an event, unpacked: for tools and tests; the hot path reads the bytes."""

    source: Coordinate
    slot: Slot
    detail: Detail


class Tick(NamedTuple):
    """Nothing older than `at_ms` will still come. Consent has been read up to `consent_ms`."""

    at_ms: int
    consent_ms: int


_encode = msgspec.msgpack.Encoder().encode
decode_detail = msgspec.msgpack.Decoder(Detail).decode


def encode_entry(source: Coordinate, slot: Slot, detail: Detail) -> bytes:
    """The bytes of an event's timeline record.

    >>> slot = Slot(Kind.PRODUCT_VIEWED, 1_000, 7, 0, 0, 0)
    >>> decode_entry(encode_entry(Coordinate(1, 0, 5), slot, Detail("m1"))).source.offset
    5
    """
    kind, at_ms, id_, item, category, price = slot
    return (
        SOURCE.pack(VERSION, source.topic_id, source.partition, source.offset << ORDINAL_BITS | source.ordinal)
        + id_.to_bytes(ID_SIZE, "little")
        + SLOT.pack(kind, at_ms & 0xFFFFFFFF, at_ms >> 32, item, category, price)
        + _encode(detail)
    )


def decode_entry(value: bytes) -> Entry:
    """The event of a timeline record. Raises `ValueError` on a TICK, a CONTROL or another version."""
    version = value[0]
    kind, at_low, at_high, item, category, price = SLOT.unpack_from(value, SLOT_AT)
    if version != VERSION or kind >= Kind.TICK:
        msg = (
            f"expected an event in timeline version {VERSION}, got version {version}, kind {kind}; upgrade this reader"
        )
        raise ValueError(msg)
    id_ = int.from_bytes(value[ID_AT:SLOT_AT], "little")
    slot = Slot(Kind(kind), at_low | at_high << 32, id_, item, category, price)
    return Entry(source_of(value), slot, decode_detail(memoryview(value)[TAIL_AT:]))


def source_of(value: bytes) -> Coordinate:
    """Where the event of a timeline record came from."""
    _, topic_id, partition, position = SOURCE.unpack_from(value)
    return Coordinate(topic_id, partition, position >> ORDINAL_BITS, position & 0xFFFF)


def encode_tick(tick: Tick) -> bytes:
    """The bytes of a TICK: the source is empty, the slot carries the kind only, the times are the tail.

    >>> decode_tick(encode_tick(Tick(5_000, 4_000)))
    Tick(at_ms=5000, consent_ms=4000)
    """
    return SOURCE.pack(VERSION, 0, 0, 0) + bytes(ID_SIZE) + SLOT.pack(Kind.TICK, 0, 0, 0, 0, 0) + TIMES.pack(*tick)


def decode_tick(value: bytes) -> Tick:
    """The TICK of a timeline record whose kind is TICK."""
    return Tick(*TIMES.unpack_from(value, TAIL_AT))

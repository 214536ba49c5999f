"""What Kairos knows of one shopper: the record of the shopper table and of its changelog.

It is the one record that is changed in place: a step touches a few fields of it for each event, a hundred thousand
times a second. Everything that must agree stands in it: history, open carts, timers, nudges, consent, and the fence.
"""

from functools import lru_cache
from typing import Final

import msgspec

from schemas.timeline import Detail, Item

Consents = tuple[tuple[str, bool], ...]
"""Category and whether it was given, sorted by category."""


class Waiting(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A cart or purchase event that waits for the watermark. Sorted by (at_ms, source)."""

    at_ms: int
    source: tuple[int, int, int, int]  # Coordinate
    kind: int
    detail: Detail


class Cart(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An open cart: an episode with a timer. `key` is the cart_id, "" for the shopper's one cart without an id."""

    key: str
    episode: tuple[int, int, int, int]  # source coordinate of the event that opened it
    opened_ms: int
    active_ms: int  # the last activity in the cart
    deadline_ms: int  # the timer: no activity until then and it is abandoned
    currency: str
    items: tuple[Item, ...]
    last_id: str = ""  # messageId and kind of the last activity
    last_kind: int = 0


class Nudge(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An intervention that was sent: for caps, and to retract it when the shopper buys. Written by answers only."""

    id: str
    kind: str
    episode: str
    at_ms: int
    expires_ms: int
    cart_id: str = ""
    retracted: bool = False
    opened_ms: int = 0  # when the cart was opened


class Shopper(msgspec.Struct, array_like=True, gc=False):
    """One shopper. Times are event times in Unix epoch milliseconds; -1 is never."""

    fence: int = -1  # the last timeline offset applied
    events: int = 0  # how many events were ever applied: the next slot of the ring is events % 64
    hour: int = 0  # the hour since the epoch of the latest event, which `clicks`, `carts` and `purchases` count
    consents: Consents = ()  # these four come first: `Glance` reads them alone
    ids: bytes = b""  # message ids of the last 64 events, oldest first
    ring: bytearray = msgspec.field(default_factory=bytearray)  # the slots of these events, see schemas/history.py
    clicks: int = 0
    carts: int = 0
    purchases: int = 0
    earlier: bytes = b""  # the hours before: see streams/core/counters.py
    waiting: tuple[Waiting, ...] = ()
    open_carts: tuple[Cart, ...] = ()
    closed_ms: int = -1  # when the last episode ended
    bought_ms: int = -1  # the last purchase
    bought_value: int = -1  # what it was worth, minor units, -1 where unknown
    asked_ms: int = -1  # the event time of the last score request
    nudges: tuple[Nudge, ...] = ()
    # What has happened to this shopper, ever. The demo and the tests add these up.
    duplicates: int = 0
    late: int = 0
    cart_events: int = 0
    episodes: int = 0
    abandoned: int = 0
    bought: int = 0
    emptied: int = 0
    merged: int = 0
    orders: int = 0
    consented_ms: int = -1  # event time of the latest word on consent


class Glance(msgspec.Struct, array_like=True, gc=False):
    """The first fields of a shopper's record: who has been away for long is found without decoding everybody."""

    fence: int = -1
    events: int = 0
    hour: int = 0
    consents: Consents = ()


class Meta(msgspec.Struct, frozen=True, array_like=True):
    """What a timeline partition knows beside its shoppers. Stands in the changelog under `META_KEY`.

    `sources` is the source fence: the last coordinate of each source partition, as (topic id, partition, offset,
    ordinal). `offset` is the next timeline offset to read.
    """

    offset: int = 0
    watermark_ms: int = -1
    consent_ms: int = -1
    sources: tuple[tuple[int, int, int, int], ...] = ()


META_KEY: Final = b"\x00meta"
"""Key of the meta record. A shopper's key never begins with a zero byte: ingest refuses it."""

VERSION: Final = b"\x01"
OPEN: Final = b"\x81"
"""`VERSION` of a shopper of whom something is open, a cart or an event that waits: a restart finds the timers by it."""

_encode = msgspec.msgpack.Encoder().encode
_decode_shopper = msgspec.msgpack.Decoder(Shopper).decode
_decode_glance = msgspec.msgpack.Decoder(Glance).decode
_decode_meta = msgspec.msgpack.Decoder(Meta).decode


def encode_shopper(shopper: Shopper) -> bytes:
    """The bytes of a changelog record: one byte of version, then msgpack.

    >>> decode_shopper(encode_shopper(Shopper(fence=3))).fence
    3
    """
    return (OPEN if shopper.open_carts or shopper.waiting else VERSION) + _encode(shopper)


def decode_shopper(value: bytes) -> Shopper:
    """The shopper of a changelog record. Raises `ValueError` on another version, `msgspec.DecodeError` on damage."""
    shopper = _decode_shopper(_checked(value))
    shopper.consents = shared(shopper.consents)
    return shopper


def decode_glance(value: bytes) -> Glance:
    """The first fields of a changelog record, eight times as fast as all of it. Errors: as `decode_shopper`."""
    return _decode_glance(_checked(value))


def is_open(value: bytes) -> bool:
    """Whether a shopper's changelog record has an open cart or an event that waits, without decoding it.

    Raises `ValueError` on another version.

    >>> is_open(encode_shopper(Shopper()))
    False
    """
    return value[:1] == OPEN or (value[:1] != VERSION and bool(_checked(value)))


@lru_cache(maxsize=4_096)
def shared(consents: Consents) -> Consents:
    """The same consents, as one object for all shoppers who said the same: a million of them take no memory."""
    return consents


def encode_meta(meta: Meta) -> bytes:
    """The bytes of a partition's meta record."""
    return VERSION + _encode(meta)


def decode_meta(value: bytes) -> Meta:
    """The meta record of a partition. Errors: as `decode_shopper`."""
    return _decode_meta(_checked(value))


def _checked(value: bytes) -> memoryview:
    if value[:1] not in (VERSION, OPEN):
        msg = f"expected changelog version {VERSION!r} or {OPEN!r}, got {value[:1]!r}; upgrade this worker"
        raise ValueError(msg)
    return memoryview(value)[1:]

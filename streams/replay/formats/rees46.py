"""REES46's log of a multi-category shop: CSV, one line for each view, cart and purchase, in the order of time.

https://www.kaggle.com/datasets/mkechinov/ecommerce-behavior-data-from-multi-category-store
"""

import csv
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

import msgspec

from schemas.topics import CART, CLICK, PURCHASE
from streams.feed import ELSEWHERE, Arrival
from streams.replay.formats.bad_line import bad_line

HEADER: Final = b"event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session"
COLUMNS: Final = HEADER.count(b",") + 1
EVENTS: Final = {
    "view": ("Product Viewed", CLICK.name),
    "cart": ("Product Added", CART.name),
    "purchase": ("Order Completed", PURCHASE.name),
}
"""Segment's name and the topic of each event type."""
Mine = Callable[[bytes], bool]
"""Whether this process replays the shopper of a key."""
_encode = msgspec.json.Encoder().encode


def recognises(first_line: bytes) -> bool:
    """Whether a file that begins with this line is a REES46 log."""
    return first_line == HEADER


def read(
    lines: Iterable[tuple[int, bytes]], file_name: str, currency: str, mine: Mine | None = None
) -> Iterator[Arrival]:
    """An arrival for each line after the header, in the file's order. `currency` is that of the prices.

    A row's messageId is its file and line. A line that is no row becomes `bad_line`. Where `mine` says of a shopper's
    key that it is not, a row is `ELSEWHERE`.
    """
    return (
        _arrival(line, f"{file_name}:{number}", currency, mine) or bad_line(file_name, number, line)
        for number, line in lines
        if number > 1 or not recognises(line)
    )


class _Product(msgspec.Struct, gc=False):
    product_id: str
    category: str
    brand: str
    price: float
    quantity: int = 1


class _Seen(_Product, gc=False, kw_only=True):
    """The properties of a view, and of what was put into a cart."""

    currency: str
    session_id: str


class _Order(msgspec.Struct, gc=False):
    order_id: str
    total: float
    currency: str
    products: tuple[_Product]
    session_id: str


class _Event(msgspec.Struct, rename="camel", gc=False):
    event: str
    message_id: str
    user_id: str
    timestamp: str
    received_at: str
    properties: _Seen | _Order


def _arrival(line: bytes, message_id: str, currency: str, mine: Mine | None) -> Arrival | None:
    try:
        time, kind, product_id, category_id, code, brand, price, user_id, session = _columns(line.decode())
        name, topic = EVENTS[kind]
        worth, category = float(price), code or category_id
        at_ms, iso = _time(time)
    except (ValueError, KeyError, csv.Error):  # too few or too many columns, or one that is not what it should be
        return None
    key = user_id.encode() or None
    if mine is not None and key is not None and not mine(key):
        return Arrival(at_ms, topic, key, ELSEWHERE)
    properties: _Seen | _Order
    if topic == PURCHASE.name:
        properties = _Order(message_id, worth, currency, (_Product(product_id, category, brand, worth),), session)
    else:
        properties = _Seen(product_id, category, brand, worth, currency=currency, session_id=session)
    event = _encode(_Event(name, message_id, user_id, iso, iso, properties))
    return Arrival(at_ms, topic, key, event)


def _columns(line: str) -> list[str]:
    return next(csv.reader([line])) if '"' in line else line.split(",")


@lru_cache(1024)
def _time(text: str) -> tuple[int, str]:
    """Milliseconds since the epoch, and ISO 8601. Raises `ValueError` on anything but `2019-10-01 00:00:00 UTC`."""
    day_and_time, _, zone = text.rpartition(" ")
    if zone != "UTC" or len(day_and_time) != len("2019-10-01 00:00:00"):
        msg = f"expected a time like 2019-10-01 00:00:00 UTC, got {text!r}"
        raise ValueError(msg)
    moment = datetime.fromisoformat(day_and_time).replace(tzinfo=UTC)
    return int(moment.timestamp()) * 1000, moment.isoformat().replace("+00:00", "Z")

"""OTTO's log: JSON Lines, one line for each session with all its clicks, carts and orders, one session after another.

https://github.com/otto-de/recsys-dataset. A session stands for a shopper. There are no prices in it: carts and orders
are worth 0, so a policy with a `min_value` holds everything back.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any, Final, Literal

import msgspec

from streams.feed import Arrival
from streams.replay.formats.bad_line import bad_line
from streams.replay.formats.shop_event import Row, arrival


class _Event(msgspec.Struct, frozen=True, gc=False):
    aid: int
    ts: int
    type: Literal["clicks", "carts", "orders"]


class _Session(msgspec.Struct, frozen=True, gc=False):
    session: int
    events: list[_Event]


_decode: Final = msgspec.json.Decoder(_Session).decode
_NAMES: Final = {"clicks": "Product Viewed", "carts": "Product Added", "orders": "Order Completed"}


def recognises(first_line: bytes) -> bool:
    """Whether a file that begins with this line is OTTO's."""
    return _session(first_line) is not None


def read(lines: Iterable[tuple[int, bytes]], file_name: str, currency: str) -> Iterator[Arrival]:
    """An arrival for each click and cart; what was ordered at the same millisecond of a session is one order.

    A messageId is file and line, and the place in the line. A line that is no session becomes `bad_line`.
    """
    for number, line in lines:
        session = _session(line)
        if session is None:
            yield bad_line(file_name, number, line)
        else:
            yield from _arrivals(session, f"{file_name}:{number}", currency)


def _session(line: bytes) -> _Session | None:
    try:
        return _decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _arrivals(session: _Session, place: str, currency: str) -> Iterator[Arrival]:
    shopper = str(session.session)
    for nth, (_, group) in enumerate(groupby(enumerate(session.events), key=_order)):
        events = [event for _, event in group]
        row = Row(f"{place}/{nth}", shopper, events[0].ts)
        yield arrival(row, _NAMES[events[0].type], _properties(events, row.message_id, currency))


def _order(numbered: tuple[int, _Event]) -> tuple[int, int]:
    """Orders of one time belong together; every other event stands alone."""
    place, event = numbered
    return (-1, event.ts) if event.type == "orders" else (place, event.ts)


def _properties(events: list[_Event], message_id: str, currency: str) -> dict[str, Any]:
    products = [{"product_id": str(event.aid), "quantity": 1} for event in events]
    if events[0].type == "orders":
        return {"order_id": message_id, "currency": currency, "products": products}
    if events[0].type == "carts":
        return {**products[0], "price": 0.0, "currency": currency}
    return products[0]

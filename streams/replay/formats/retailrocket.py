"""RetailRocket's log of a shop: `events.csv` of its data set, and the item events with a session that are made of it.

https://www.kaggle.com/datasets/retailrocket/ecommerce-dataset. Neither is in the order of time. There are no prices in
it: carts and orders are worth 0, so a policy with a `min_value` holds everything back.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from streams.feed import Arrival
from streams.replay.formats.bad_line import bad_line
from streams.replay.formats.shop_event import Row, arrival, given

EVENTS_HEADER: Final = b"timestamp,visitorid,event,itemid,transactionid"
ITEMS_HEADER: Final = b"timestamp\tuser_id\titem_id\tsession_id"
_NAMES: Final = {"view": "Product Viewed", "addtocart": "Product Added", "transaction": "Order Completed"}


def recognises(first_line: bytes) -> bool:
    """Whether a file that begins with this line is one of RetailRocket's."""
    return first_line in (EVENTS_HEADER, ITEMS_HEADER)


def read(lines: Iterable[tuple[int, bytes]], file_name: str, currency: str) -> Iterator[Arrival]:
    """An arrival for each line after the header, as they stand in the file. Item events are views.

    A row's messageId is its file and line. A line that is no row becomes `bad_line`.
    """
    items = False
    for number, line in lines:
        if number == 1 and recognises(line):
            items = line == ITEMS_HEADER
            continue
        made = (_item if items else _event)(line, f"{file_name}:{number}", currency)
        yield made or bad_line(file_name, number, line)


def _event(line: bytes, message_id: str, currency: str) -> Arrival | None:
    try:
        at_ms, visitor, kind, item, transaction = line.decode().split(",")
        row, name = Row(message_id, visitor, int(at_ms)), _NAMES[kind]
    except (ValueError, KeyError):  # too few or too many columns, or one that is not what it should be
        return None
    product = {"product_id": item, "quantity": 1}
    if name == "Product Viewed":
        return arrival(row, name, product)
    if name == "Product Added":
        return arrival(row, name, {**product, "price": 0.0, "currency": currency})
    return arrival(row, name, {"order_id": transaction or message_id, "currency": currency, "products": [product]})


def _item(line: bytes, message_id: str, _currency: str) -> Arrival | None:
    try:
        at_s, user, item, session = line.decode().split("\t")
        row = Row(message_id, user, int(at_s) * 1_000)
    except ValueError:
        return None
    return arrival(row, "Product Viewed", given(product_id=item, session_id=session))

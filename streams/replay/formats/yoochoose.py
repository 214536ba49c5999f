"""YooChoose's log of the RecSys Challenge 2015: a file of clicks and a file of buys, by session, without headers.

Clicks: session, time, item, category. Buys: session, time, item, price, quantity. A third form, of clicks alone, has
the header of SessionId, ItemId, Time (in seconds) and tabs. A session stands for a shopper. Nobody puts anything into
a cart in this log.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

from streams.feed import Arrival
from streams.replay.formats.bad_line import bad_line
from streams.replay.formats.shop_event import Row, arrival, given

HEADER: Final = b"SessionId\tItemId\tTime"
_TIME: Final = rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z"
_CLICK_OR_BUY: Final = re.compile(rb"\d+," + _TIME + rb",\d+,(?:[^,]*|\d+,\d+)")


def recognises(first_line: bytes) -> bool:
    """Whether a file that begins with this line is one of YooChoose's."""
    return first_line == HEADER or _CLICK_OR_BUY.fullmatch(first_line) is not None


def read(lines: Iterable[tuple[int, bytes]], file_name: str, currency: str) -> Iterator[Arrival]:
    """An arrival for each line but a header, as they stand in the file: clicks are views, a line of buys is an order.

    A row's messageId is its file and line. A line that is no row becomes `bad_line`.
    """
    for number, line in lines:
        if number > 1 or line != HEADER:
            yield _arrival(line, f"{file_name}:{number}", currency) or bad_line(file_name, number, line)


def _arrival(line: bytes, message_id: str, currency: str) -> Arrival | None:
    try:
        columns = line.decode().split("\t")
        if len(columns) == 3:
            session, item, at_s = columns
            return arrival(Row(message_id, session, round(float(at_s) * 1_000)), "Product Viewed", {"product_id": item})
        session, time, item, *rest = line.decode().split(",")
        row = Row(message_id, session, _unix_ms(time))
        if len(rest) == 1:
            return arrival(row, "Product Viewed", given(product_id=item, category=rest[0]))
        price, quantity = rest
        # The file has 0 where price and quantity are not known.
        known = {"price": float(price), "quantity": int(quantity)} if int(quantity) else {}
    except (ValueError, OverflowError):  # too few or too many columns, or one that is not what it should be
        return None
    order = {"order_id": message_id, "currency": currency, "products": [{"product_id": item, **known}]}
    return arrival(row, "Order Completed", order)


def _unix_ms(text: str) -> int:
    moment = datetime.fromisoformat(text)
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1_000)

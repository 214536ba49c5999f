"""What is wrong with a log, counted while its examples are made: nothing is read a second time for it."""

import re
from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

import msgspec

from schemas.dead_letters import DeadLetter
from schemas.history import SLOT
from schemas.kinds import Kind
from schemas.shopper import Shopper, Waiting
from schemas.timeline import SLOT_AT

BOT_EVENTS: Final = 100
BOT_WITHIN_MS: Final = 10 * 60_000
"""Who does so much in so short a time, an event every six seconds for ten minutes, is taken for a bot."""
_OF_ONE_PRODUCT: Final = frozenset(
    {Kind.PRODUCT_VIEWED, Kind.PRODUCT_CLICKED, Kind.PRODUCT_ADDED, Kind.PRODUCT_REMOVED}
)
_REASON: Final = re.compile(r"expected (?P<expected>.*?), got ", re.DOTALL)
_FIELD: Final = re.compile(r"[A-Za-z_][\w.\[\]]*")
_PLACE_IN_LIST: Final = re.compile(r"\[\d+\]")
_RANGE: Final = re.compile(r"[<>]=|\[\d|at most|length|digits|matching")


class LogCounts(msgspec.Struct, kw_only=True):
    """Plain numbers, which travel between processes. `read` counts all records of the log, `events` what was believed.

    `refused`: by class of failure. `missing`, `out_of_range`, `wrong_type`: refused for this field. `absent`: believed
    events of one product that do not tell this field. Of the events, `repeats` were sent before, `behind_watermark`
    came when time had been closed behind them, and `out_of_order` came after a later one of the same shopper.
    `bots`: shoppers of `BOT_EVENTS` events within `BOT_WITHIN_MS`.
    """

    read: int = 0
    events: int = 0
    refused: dict[str, int] = {}
    missing: dict[str, int] = {}
    out_of_range: dict[str, int] = {}
    wrong_type: dict[str, int] = {}
    of_one_product: int = 0
    absent: dict[str, int] = {}
    repeats: int = 0
    behind_watermark: int = 0
    out_of_order: int = 0
    shoppers: int = 0
    bots: int = 0
    bot_events: int = 0

    def refuse(self, letter: DeadLetter) -> None:
        """A record could not be believed."""
        _one_more(self.refused, letter.failure)
        field = _field(letter.reason)
        if letter.failure == "missing_field":
            _one_more(self.missing, field)
        elif letter.failure == "invalid_value":
            _one_more(self.out_of_range if _RANGE.search(_expected(letter.reason)) else self.wrong_type, field)

    def believe(self, value: bytes, watermark_ms: int) -> None:
        """An event of the timeline, before it is applied."""
        kind, low, high, item, category, price = SLOT.unpack_from(value, SLOT_AT)
        self.events += 1
        self.behind_watermark += (low | high << 32) < watermark_ms
        if kind in _OF_ONE_PRODUCT:
            self.of_one_product += 1
            for name, known in (("product_id", item), ("category", category), ("price", price)):
                if not known:
                    _one_more(self.absent, name)

    def gone(self, shopper: Shopper) -> None:
        """What the live path had counted about a shopper of whom nothing more will be heard."""
        self.repeats += shopper.duplicates

    def shopper(self, events: Sequence[Waiting]) -> None:
        """All events of a shopper, as they arrived."""
        self.shoppers += 1
        newest_ms = -1
        for event in events:
            self.out_of_order += event.at_ms < newest_ms
            newest_ms = max(newest_ms, event.at_ms)
        if is_bot(sorted(event.at_ms for event in events)):
            self.bots += 1
            self.bot_events += len(events)

    def add(self, other: "LogCounts") -> None:
        """Take in what another share of the same log came to: each has read all of it, and believed its own."""
        for name in self.__struct_fields__:
            mine, theirs = getattr(self, name), getattr(other, name)
            if isinstance(mine, dict):
                for key, count in theirs.items():
                    mine[key] = mine.get(key, 0) + count
            else:
                setattr(self, name, max(mine, theirs) if name == "read" else mine + theirs)


def is_bot(times_ms: Sequence[int]) -> bool:
    """Whether somebody did too much in too short a time, given the times of all events, in order.

    >>> is_bot(range(0, 100_000, 1_000)), is_bot(range(0, 10_000_000, 100_000))
    (True, False)
    """
    return any(
        bisect_left(times_ms, at_ms + BOT_WITHIN_MS) - place >= BOT_EVENTS for place, at_ms in enumerate(times_ms)
    )


def _expected(reason: str) -> str:
    found = _REASON.match(reason)
    return found["expected"] if found else ""


def _field(reason: str) -> str:
    """The field that a refusal is about, places in lists left out.

    >>> _field("expected `float` >= 0.0 in properties.products[3].price, got -1; at x/0@1")
    'properties.products[].price'
    >>> _field("expected originalTimestamp or timestamp, got neither; at x/0@1")
    'originalTimestamp or timestamp'
    """
    expected = _expected(reason)
    for name in (expected.rpartition(" in ")[2], expected.partition(" in ")[0]):  # `X in price`, `price in [A, B)`
        if _FIELD.fullmatch(name):
            return _PLACE_IN_LIST.sub("[]", name)
    return expected


def _one_more(counts: dict[str, int], name: str) -> None:
    counts[name] = counts.get(name, 0) + 1

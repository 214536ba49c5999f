"""What is raised inside ingest where a record cannot be believed, and how it becomes a dead letter."""

from collections.abc import Sequence
from reprlib import Repr
from typing import Final, Literal

from schemas.dead_letters import SOURCE_HEADER, DeadLetter, Stage

Failure = Literal["undecodable", "unknown_type", "missing_field", "invalid_value", "clock_ahead"]
Headers = Sequence[tuple[str, bytes | None]]

_STAGES: Final[dict[Failure, Stage]] = {
    "undecodable": "DECODE",
    "unknown_type": "VALIDATE",
    "missing_field": "VALIDATE",
    "invalid_value": "VALIDATE",
    "clock_ahead": "CLOCK",
}
_SHOWN: Final = 80
_short = Repr()
_short.maxlevel = _short.maxdict = _short.maxlist = 3
_short.maxstring = _short.maxother = _short.maxlong = _SHOWN


class RefusedError(Exception):
    """A record that cannot be believed: the class of the failure, what was expected, and what came instead."""

    def __init__(self, failure: Failure, expected: str, came: str) -> None:
        self.failure: Failure = failure
        self.reason = f"expected {expected}, got {came}"
        super().__init__(self.reason)

    def letter(self, where: str) -> DeadLetter:
        """The dead letter; `where` is the record's place, see `place`."""
        return DeadLetter(stage=_STAGES[self.failure], failure=self.failure, reason=f"{self.reason}; at {where}")


def shown(value: object) -> str:
    """A value in at most 80 characters and one line, whatever it is.

    >>> shown("a\\nb"), shown(None), len(shown([{"k": "v" * 999}] * 999))
    ("'a\\\\nb'", 'null', 80)
    """
    if value is None:
        return "null"
    text = _short.repr(value[:_SHOWN] if isinstance(value, bytes) else value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def place(topic: str, partition: int, offset: int, headers: Headers) -> str:
    """Where a record stands on Kafka and, where its producer said so, in the file it comes from.

    >>> place("shop.events.click.v1", 2, 17, [("x-shop-source", b"orders.csv:9")])
    'shop.events.click.v1/2@17 (orders.csv:9)'
    """
    source = next((value for name, value in headers if name == SOURCE_HEADER and value), None)
    return f"{topic}/{partition}@{offset}" + (f" ({_one_line(source)})" if source else "")


def _one_line(source: bytes) -> str:
    text = source[: 4 * _SHOWN].decode(errors="replace")
    return "".join(c if c.isprintable() else "?" for c in text)[:_SHOWN]

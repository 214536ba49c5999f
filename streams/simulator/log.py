"""A simulated log as a file: JSON Lines, one object for each arrival; the truth beside it."""

import base64
from typing import BinaryIO

import msgspec

from streams.feed import Arrival
from streams.simulator.truth import Sink


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One arrival. The value is text in `value`, or where it is no UTF-8, base64 in `value_base64`.

    `source` is the file and line of one that is no event, where it was read from another log.
    """

    at_ms: int
    topic: str
    key: str | None = None
    value: str | None = None
    value_base64: str | None = None
    source: str | None = None


_encode = msgspec.json.Encoder().encode


def write_arrival(file: BinaryIO, arrival: Arrival) -> None:
    """Append one line. Raises `UnicodeDecodeError` where the key is no text."""
    file.write(arrival_line(arrival) + b"\n")


def arrival_line(arrival: Arrival, source: str | None = None) -> bytes:
    """An arrival as a line, without its end. Raises `UnicodeDecodeError` where the key is no text."""
    key = None if arrival.key is None else arrival.key.decode()
    try:
        line = Line(at_ms=arrival.at_ms, topic=arrival.topic, key=key, value=arrival.value.decode(), source=source)
    except UnicodeDecodeError:
        coded = base64.b64encode(arrival.value).decode()
        line = Line(at_ms=arrival.at_ms, topic=arrival.topic, key=key, value_base64=coded, source=source)
    return _encode(line)


def truth_sink(file: BinaryIO) -> Sink:
    """A sink that appends each truth as a line: those with `abandon` are chances, those with `outcome` are episodes."""
    return lambda truth: file.write(_encode(truth) + b"\n")

"""CloudEvents 1.0 in JSON, one a line: Segment's events in `data` or `data_base64`."""

from base64 import b64decode
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

import msgspec

from streams.feed import Arrival
from streams.replay.formats import segment
from streams.replay.formats.bad_line import bad_line, never_backwards


class _CloudEvent(msgspec.Struct, frozen=True, gc=False):
    specversion: str
    id: str
    type: str
    time: datetime | None = None
    data: msgspec.Raw = msgspec.Raw(b"")
    data_base64: str | None = None


_decode: Final = msgspec.json.Decoder(_CloudEvent).decode


def recognises(first_line: bytes) -> bool:
    """Whether a file that begins with this line is JSON Lines of CloudEvents."""
    return _cloud_event(first_line) is not None


def read(lines: Iterable[tuple[int, bytes]], file_name: str, currency: str = "") -> Iterator[Arrival]:
    """An arrival for each line: the event in it, at the time of the envelope, else at its own.

    None arrives before the line above it. A line without an event that Kairos knows, or without a time, becomes
    `bad_line`.
    """
    return never_backwards(_arrival(line) or bad_line(file_name, number, line) for number, line in lines)


def _arrival(line: bytes) -> Arrival | None:
    event = _cloud_event(line)
    if event is None:
        return None
    try:
        data = bytes(event.data) if event.data_base64 is None else b64decode(event.data_base64, validate=True)
    except ValueError:
        return None
    if event.time is None or event.time.tzinfo is None:
        return segment.arrival(data)
    return segment.arrival(data, int(event.time.timestamp() * 1_000))


def _cloud_event(line: bytes) -> _CloudEvent | None:
    try:
        event = _decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return event if event.specversion.startswith("1.") else None

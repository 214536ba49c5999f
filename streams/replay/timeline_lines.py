"""A Kairos timeline as JSON Lines: one line for each record of the log, whose bytes stand in it as base64."""

from base64 import b64decode, b64encode
from typing import Final

import msgspec

from schemas.kinds import LAST_EVENT, Kind
from schemas.timeline import SLOT_AT, TAIL_AT, TIMES, VERSION, decode_detail
from streams.replay.timeline import Logged


class TimelineLine(msgspec.Struct, frozen=True):
    """`key` is the shopper, None for a TICK; `at_ms` is log time at which the record was written."""

    partition: int
    offset: int
    at_ms: int
    key: str | None
    value_base64: str


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(TimelineLine).decode


def encode_line(partition: int, record: Logged) -> bytes:
    """A record as a line, with its end."""
    key = None if record.key is None else record.key.decode()
    text = b64encode(record.value).decode("ascii")
    return _encode(TimelineLine(partition, record.offset, record.at_ms, key, text)) + b"\n"


def decode_line(line: bytes) -> tuple[int, Logged]:
    """The partition and the record of a line. Raises `ValueError`, which says what is wrong with it.

    >>> decode_line(b'{"partition": 0, "offset": 5, "at_ms": 7, "key": "ann", "value_base64": ""}')
    Traceback (most recent call last):
    ...
    ValueError: expected a timeline record of at least 41 bytes, got 0
    """
    found = _decode(line)
    key = None if found.key is None else found.key.encode()
    return found.partition, checked(Logged(found.offset, key, b64decode(found.value_base64), found.at_ms))


def is_line(text: bytes) -> bool:
    """Whether this is a line of a timeline, whatever its record is worth."""
    try:
        _decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True


def checked(record: Logged) -> Logged:
    """The record. Raises `ValueError` where its value is not what a step can read."""
    value = record.value
    if len(value) < TAIL_AT:
        msg = f"expected a timeline record of at least {TAIL_AT} bytes, got {len(value)}"
        raise ValueError(msg)
    version, kind = value[0], value[SLOT_AT]
    if version != VERSION:
        msg = f"expected timeline version {VERSION}, got {version}; upgrade this reader"
        raise ValueError(msg)
    if record.key is None:
        if kind == Kind.TICK and len(value) != TAIL_AT + TIMES.size:
            msg = f"expected a TICK of {TAIL_AT + TIMES.size} bytes, got {len(value)}"
            raise ValueError(msg)
    elif not 0 < kind <= LAST_EVENT:
        msg = f"expected an event's kind, 1 to {LAST_EVENT}, got {kind}"
        raise ValueError(msg)
    else:
        decode_detail(memoryview(value)[TAIL_AT:])
    return record

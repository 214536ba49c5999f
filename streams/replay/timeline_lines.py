"""A Kairos timeline as JSON Lines: one line for each record of the log, whose bytes stand in it as base64."""

from base64 import b64encode
from binascii import a2b_base64
from typing import Final

import msgspec

from schemas.history import SLOT
from schemas.kinds import LAST_EVENT, Kind
from schemas.timeline import SLOT_AT, TAIL_AT, TIMES, VERSION, decode_detail, decode_tick
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


def encode_line(partition: int, offset: int, record: Logged) -> bytes:
    """A record as a line, with its end; `offset` is where it stands there, whatever its own is."""
    key = None if record.key is None else record.key.decode()
    text = b64encode(record.value).decode("ascii")
    return _encode(TimelineLine(partition, offset, record.at_ms, key, text)) + b"\n"


def decode_line(line: bytes) -> tuple[int, Logged]:
    """The partition and the record of a line. Raises `ValueError` where it is none; its value is for a step to read."""
    found = _decode(line)
    key = None if found.key is None else found.key.encode()
    return found.partition, Logged(found.offset, key, a2b_base64(found.value_base64), found.at_ms)


def is_line(text: bytes) -> bool:
    """Whether this is a line of a timeline, whatever its record is worth."""
    try:
        _decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True


def mistake(record: Logged) -> str | None:
    """Why a step will refuse a record; None where it will not.

    >>> mistake(Logged(0, b"ann", b"", 0))
    'expected a timeline record of at least 41 bytes, got 0'
    """
    value = record.value
    if len(value) < TAIL_AT:
        return f"expected a timeline record of at least {TAIL_AT} bytes, got {len(value)}"
    version, kind = value[0], value[SLOT_AT]
    if version != VERSION:
        return f"expected timeline version {VERSION}, got {version}; upgrade this reader"
    if record.key is None:
        short = kind == Kind.TICK and not is_tick(record)
        return f"expected a TICK of {TAIL_AT + TIMES.size} bytes, got {len(value)}" if short else None
    if not 0 < kind <= LAST_EVENT:
        return f"expected an event's kind, 1 to {LAST_EVENT}, got {kind}"
    try:
        decode_detail(memoryview(value)[TAIL_AT:])
    except msgspec.MsgspecError as damage:
        return f"expected a whole record, got a damaged tail ({damage})"
    return None


def is_tick(record: Logged) -> bool:
    """Whether it is a TICK, and whole."""
    value = record.value
    return record.key is None and len(value) == TAIL_AT + TIMES.size and value[SLOT_AT] == Kind.TICK


def log_time_ms(value: bytes) -> int:
    """The time of an event or a TICK, -1 where a record is neither."""
    if len(value) < TAIL_AT or value[SLOT_AT] == Kind.CONTROL:
        return -1
    if value[SLOT_AT] == Kind.TICK:
        return decode_tick(value).at_ms if len(value) == TAIL_AT + TIMES.size else -1
    _, at_low, at_high, *_ = SLOT.unpack_from(value, SLOT_AT)
    return int(at_low | at_high << 32)

"""Dead letters that fit: what a topic takes, the reason always whole; and those of the timeline itself."""

from typing import Final, NamedTuple

from schemas.dead_letters import PREFIX, DeadLetter, Headers, headers
from schemas.topics import DLQ, TIMELINE
from streams.core.outputs import Output

CUT_HEADER: Final = "x-shop-cut"
MOST_LETTER_BYTES: Final = 1_000_000
"""Of a dead letter: any topic takes so much, so no record can hold up the input partition that it stands in."""
MOST_TIMELINE_BYTES: Final = 64 << 10
"""Of one of the timeline, which itself keeps the whole record for ever."""
_PER_PART: Final = 20
"""What Kafka needs beside a key, a value or a header, at most."""
_KEY_BYTES: Final = 256
_OURS: Final = 10  # headers say the reason, at most; they come last


class Letter(NamedTuple):
    """A record for a dead-letter topic."""

    key: bytes | None
    value: bytes | None
    headers: Headers


def fitted(letter: Letter, most_bytes: int) -> Letter:
    """The letter, in at most so many bytes: the original's headers go first, then the end of its value.

    The header `x-shop-cut` says what the original had. Its coordinate stands in the reason, and leads to the whole.
    """
    size = _size(letter)
    if size <= most_bytes:
        return letter
    key, value, all_headers = letter
    ours = [(name, text) for name, text in all_headers[-_OURS:] if name.startswith((PREFIX, "x-shop-"))]
    had = f"{len(key or b'')} bytes of key, {len(value or b'')} of value, {len(all_headers) - len(ours)} headers"
    ours.append((CUT_HEADER, f"cut: the original has {had}; read it at the coordinate".encode()))
    if key is not None and len(key) > _KEY_BYTES:
        key = key[:_KEY_BYTES]
    room = most_bytes - _size(Letter(key, None, ours))
    return Letter(key, value if value is None else value[:room], ours)


def unreadable(place: tuple[int, int], key: bytes | None, value: bytes | None, why: str, app_id: str) -> Output:
    """The dead letter of a timeline record (partition, offset) that no version of Kairos before this one wrote."""
    partition, offset = place
    reason = f"expected a timeline record, got {why}; at {TIMELINE.name}/{partition}@{offset}"
    letter = DeadLetter(stage="DECODE", failure="undecodable", reason=reason)
    told = headers(letter, [], TIMELINE.name, partition, offset, app_id)
    told = [(name, b"decide" if name == "x-shop-agent" else text) for name, text in told]
    kept = fitted(Letter(key, value, told), MOST_TIMELINE_BYTES)
    return Output(TIMELINE.name + DLQ, kept.key or b"", kept.value or b"", kept.headers)


def _size(letter: Letter) -> int:
    key, value, all_headers = letter
    return 2 * _PER_PART + len(key or b"") + len(value or b"") + _headers_size(all_headers)


def _headers_size(all_headers: Headers) -> int:
    return sum(len(name.encode()) + len(value or b"") + _PER_PART for name, value in all_headers)

"""How far the log has been read, and what time it is: the two small topics behind the watermark."""

from typing import Annotated

import msgspec

LogMs = Annotated[int, msgspec.Meta(ge=-1, lt=1 << 47)]
"""Log time, Unix epoch milliseconds; -1 where it is not known yet."""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of this input partition up to `at_ms` (log time) is in the timeline, acknowledged.

    `offset` is the next input offset. The Kafka key is `<topic>/<partition>`.
    """

    at_ms: LogMs
    offset: int


class Clock(msgspec.Struct, frozen=True, kw_only=True):
    """Log time now, as a feed says it: everything before `at_ms` has been sent and acknowledged."""

    at_ms: LogMs


_encode = msgspec.json.Encoder().encode
decode_progress = msgspec.json.Decoder(Progress).decode
decode_clock = msgspec.json.Decoder(Clock).decode


def encode(record: Progress | Clock) -> bytes:
    """The JSON of a progress or clock record."""
    return _encode(record)

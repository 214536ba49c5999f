"""How far the log has been read, what time it is, and on which topics: what the two small topics say."""

from collections.abc import Callable
from typing import Annotated, Final

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


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """A topic as a shop knows it: Kafka's id of it, and how many times it was made anew and adopted."""

    id: str
    epoch: int = 0


KNOWN_KEY: Final = b"topics"
"""Key of the one record on the progress topic that tells all topics, by name on the broker."""

_encode = msgspec.json.Encoder().encode
decode_progress = msgspec.json.Decoder(Progress).decode
decode_clock = msgspec.json.Decoder(Clock).decode
encode_known: Final[Callable[[dict[str, Known]], bytes]] = msgspec.json.Encoder(order="sorted").encode
decode_known = msgspec.json.Decoder(dict[str, Known]).decode


def encode(record: Progress | Clock) -> bytes:
    """The JSON of a progress or clock record."""
    return _encode(record)

"""Bytes of any producer become a timeline record, or a dead letter that says why not. Never an exception.

The checks, in order: decodable, known type, required fields, types and ranges, clock. Any event may come on any input
topic. Of a key that stands twice in the JSON the last counts; null counts as absent; what Kairos does not know is
ignored. Time and key are functions of the record alone, so the same record gives the same bytes for ever.
"""

from typing import Final

import msgspec

from schemas.dead_letters import DeadLetter
from schemas.events import Event
from streams.core.clock import CleanRules, event_time_ms, no_time
from streams.core.diagnosis import diagnosed
from streams.core.entries import PARTS, packed
from streams.core.refusals import Headers, RefusedError, place
from streams.core.shopper_key import no_shopper, shopper_key
from streams.core.wire import body, traceparent

__all__ = ["CleanRules", "Cleaned", "Input", "clean"]

EPOCH_AT: Final = 40
"""Bits of the offset in a coordinate; a million records a second fill them in twelve days, in one partition."""
Cleaned = tuple[bytes, bytes, int]
"""Key and value of the timeline record, and the event time in milliseconds."""

_decoder: Final[msgspec.json.Decoder[Event]] = msgspec.json.Decoder(Event)
_decode: Final = _decoder.decode


class Input(msgspec.Struct, frozen=True):
    """A partition of an input topic: its name, its `Topic.id`, its number.

    `epoch` is how many times the topic was made anew. It stands above the offset in the coordinates, so that the events
    of a new topic, whose offsets begin at 0 again, come after all of the old one.
    """

    topic: str
    topic_id: int
    partition: int
    epoch: int = 0


def clean(
    source: Input, offset: int, value: bytes | None, headers: Headers, append_ms: int, rules: CleanRules
) -> Cleaned | DeadLetter:
    """The timeline record of one source record, or why it was refused. `append_ms` is the broker's timestamp."""
    try:
        json = value if value and value[0] and not headers else body(value, headers)
        try:
            event = _decode(json)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            event = diagnosed(json)
        if not (event.user_id or event.anonymous_id):
            raise no_shopper()
        if event.original_timestamp is None and event.timestamp is None:
            raise no_time()
        kind, parts_of = PARTS[type(event)]
        parts = parts_of(kind, event, traceparent(headers) if headers else "")
        key = shopper_key(event)
        at_ms = event_time_ms(event, append_ms, rules)
        position = source.epoch << EPOCH_AT | offset
        return key, packed(source.topic_id, source.partition, position, at_ms, event.message_id, parts), at_ms
    except RefusedError as refused:
        return refused.letter(place(source.topic, source.partition, offset, headers))

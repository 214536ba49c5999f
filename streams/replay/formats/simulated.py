"""What `kairos simulate` writes: arrivals as they are, log time, topic, key and value."""

import base64
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from schemas.dead_letters import SOURCE_HEADER
from schemas.topics import TOPICS
from streams.feed import Arrival
from streams.replay.formats.bad_line import bad_line, never_backwards
from streams.simulator.log import Line

_decode: Final = msgspec.json.Decoder(Line).decode
_TOPICS: Final = {topic.name for topic in TOPICS}


def recognises(first_line: bytes) -> bool:
    """Whether a file that begins with this line is a simulated log."""
    return _arrival(first_line) is not None


def read(lines: Iterable[tuple[int, bytes]], file_name: str, _currency: str = "") -> Iterator[Arrival]:
    """An arrival for each line. A line that is none becomes `bad_line`."""
    return never_backwards(_arrival(line) or bad_line(file_name, number, line) for number, line in lines)


def _arrival(text: bytes) -> Arrival | None:
    try:
        line = _decode(text)
        value = base64.b64decode(line.value_base64 or "") if line.value is None else line.value.encode()
    except ValueError:  # msgspec's and base64's errors are ValueErrors
        return None
    key = None if line.key is None else line.key.encode()
    headers = () if line.source is None else ((SOURCE_HEADER, line.source.encode()),)
    return Arrival(line.at_ms, line.topic, key, value, headers) if line.topic in _TOPICS else None

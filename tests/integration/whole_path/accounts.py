"""What was read, by coordinate, against what became of it."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from schemas.dead_letters import PREFIX
from schemas.timeline import decode_entry
from schemas.topics import DEAD_LETTERS, INPUTS
from streams.feed import Arrival
from tests.integration.whole_path.shop_path import ShopPath

Coordinate = tuple[int, int, int]
"""Topic id, partition, offset of an input record."""


class Accounts(NamedTuple):
    """The distinct coordinates of what stands on the input topics, in the timeline and among the dead letters."""

    read: set[Coordinate]
    timeline: set[Coordinate]
    dead_letters: set[Coordinate]


async def settled_accounts(path: ShopPath) -> Accounts:
    """Raises `AssertionError` unless every record that was read is in the timeline or a dead letter, and not both."""
    inputs = await path.read(*(topic.name for topic in INPUTS))
    letters = await path.read(*(topic.name for topic in DEAD_LETTERS))
    found = Accounts(
        read={(_topic_id(record.topic), record.partition, record.offset) for record in inputs},
        timeline={source for records in path.timeline.values() for source in sources(records)},
        dead_letters={_where_from(letter) for letter in letters},
    )
    assert found.timeline | found.dead_letters == found.read
    assert not found.timeline & found.dead_letters
    return found


def sources(records: Iterable[Any]) -> list[Coordinate]:
    """The coordinates of the events among timeline records, in log order, with those that ingest appended again."""
    return [decode_entry(record.value).source[:3] for record in records if record.key is not None]


def repeats(arrivals: list[Arrival]) -> int:
    """How many records have a messageId that an earlier one has."""
    ids = [id_ for arrival in arrivals if isinstance(id_ := message_id(arrival), str)]
    return len(ids) - len(set(ids))


def message_id(arrival: Arrival) -> object:
    """None where there is none, or the record cannot be read."""
    try:
        return msgspec.json.decode(arrival.value).get("messageId")
    except msgspec.DecodeError:
        return None


def _where_from(letter: Any) -> Coordinate:
    told = dict(letter.headers)
    topic, partition, offset = (told[PREFIX + name].decode() for name in ("topic", "partition", "offset"))
    return _topic_id(topic), int(partition), int(offset)


def _topic_id(name: str) -> int:
    return next(topic.id for topic in INPUTS if name.endswith(topic.name))

"""How long a shop stood still: the times between TICKs of a partition, and between interventions."""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

from schemas.topics import INTERVENTIONS
from streams.chaos.evidence import Evidence

_TOPICS = frozenset(topic.name for topic in INTERVENTIONS.values())


class Pause(NamedTuple):
    """Nothing came for `long_ms` until `ended_ms`, by the wall clock."""

    ended_ms: int
    long_ms: int


def between_ticks(evidence: Evidence) -> list[Pause]:
    """Between one TICK and the next, in each timeline partition; one that a zombie wrote counts when it was written."""
    parts = evidence.timeline.values()
    return [pause for records in parts for pause in _pauses(one.at_ms for one in records if one.key is None)]


def between_interventions(evidence: Evidence) -> list[Pause]:
    """Between one intervention or retraction and the next, of all kinds and partitions."""
    return list(_pauses(record.at_ms for record in evidence.told if record.topic in _TOPICS))


def _pauses(times_ms: Iterable[int]) -> Iterator[Pause]:
    return (Pause(later, later - earlier) for earlier, later in pairwise(sorted(times_ms)))

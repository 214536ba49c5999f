"""What a shop left on Kafka, read back after a run: by readers of committed records, and by readers of all."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from schemas.topics import CHANGELOG, DEAD_LETTERS, DECISIONS, INPUTS, INTERVENTIONS, SUPPRESSED, TIMELINE, Topic
from streams.demo.readback import read_back
from streams.replay.crash_free import Recorded, State, Told
from streams.settings import Settings

OUTPUTS: Final = (DECISIONS, SUPPRESSED, *INTERVENTIONS.values())


class Stood(NamedTuple):
    """A record: its topic without prefix, where it stood, and when it was written by the wall clock."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    at_ms: int = 0

    @property
    def told(self) -> Told:
        """The record as an output of decide."""
        return Told(self.topic, self.key or b"", self.value or b"", self.headers)


class Evidence(NamedTuple):
    """All records that matter. `timeline` and `changelog` are by partition; `told` are committed, `said` all outputs.

    `changes` is the changelog as it was written, `changelog` what compaction leaves of it.
    """

    inputs: list[Stood]
    letters: list[Stood]
    timeline: Mapping[int, list[Stood]]
    changes: list[Stood]
    changelog: Mapping[int, State]
    told: list[Stood]
    said: list[Stood]

    @property
    def recorded(self) -> Recorded:
        """What a crash-free run is held against."""
        return Recorded(self.timeline, self.changelog, [record.told for record in self.told])


async def gathered(settings: Settings) -> Evidence:
    """Read everything. Raises `NotReadToTheEnd`, and what aiokafka raises."""
    inputs, letters = await _read(settings, *INPUTS), await _read(settings, *DEAD_LETTERS)
    timeline: dict[int, list[Stood]] = {number: [] for number in range(settings.timeline_partitions)}
    for record in await _read(settings, TIMELINE):
        timeline[record.partition].append(record)
    changes = await _read(settings, CHANGELOG)
    changelog = compacted(changes, settings.timeline_partitions)
    told = await _read(settings, *OUTPUTS)
    said = await _read(settings, *OUTPUTS, committed=False)
    return Evidence(inputs, letters, timeline, changes, changelog, told, said)


def compacted(changelog: list[Stood], partitions: int) -> dict[int, State]:
    """The last value of each key; None deletes it."""
    states: dict[int, dict[bytes, bytes | None]] = {number: {} for number in range(partitions)}
    for record in changelog:
        states[record.partition][record.key or b""] = record.value
    return {n: {key: value for key, value in state.items() if value is not None} for n, state in states.items()}


async def _read(settings: Settings, *topics: Topic, committed: bool = True) -> list[Stood]:
    found: list[Stood] = []

    def take(topic: Topic, record: Any) -> None:
        headers = tuple(record.headers)
        at = (topic.name, record.partition, record.offset)
        found.append(Stood(*at, record.key, record.value, headers, record.timestamp))

    await read_back(settings, topics, take, committed=committed)
    return found

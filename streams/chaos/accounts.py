"""What was read against what became of it: every input record is in the timeline or a dead letter, never both."""

from collections.abc import Iterator

from schemas.dead_letters import PREFIX
from schemas.timeline import decode_entry
from schemas.topics import INPUTS
from streams.chaos.evidence import Evidence, Stood
from streams.chaos.traffic import MALFORMED_KEY
from streams.replay.crash_free import Difference

Coordinate = tuple[int, int, int]
"""Topic id, partition, offset of an input record."""
_IDS = {topic.name: topic.id for topic in INPUTS}


def account(evidence: Evidence) -> Iterator[Difference]:
    """Every record that went another way than it must. A copy that a crash made counts once."""
    read = {(_IDS[record.topic], record.partition, record.offset): record for record in evidence.inputs}
    timeline = {source for records in evidence.timeline.values() for source in _sources(records)}
    letters = {_came_from(letter) for letter in evidence.letters}
    for at, record in read.items():
        key, malformed = record.key or b"", (record.key or b"").startswith(MALFORMED_KEY)
        if at not in timeline and at not in letters:
            yield Difference("lost", key, f"the input record {at} is neither in the timeline nor a dead letter")
        if malformed and at in timeline:
            yield Difference("unexpected", key, f"the malformed input record {at} was believed")
        if not malformed and at in letters:
            yield Difference("lost", key, f"the well-formed input record {at} is a dead letter")
    for at in (timeline | letters) - read.keys():
        yield Difference("unexpected", b"", f"the input record {at} was never produced, and something came of it")


def appended_again(evidence: Evidence) -> Iterator[Stood]:
    """The timeline records that tell of a source record once more: what a crash or a zombie of ingest left there."""
    known: set[Coordinate] = set()
    for records in evidence.timeline.values():
        events = [record for record in records if record.key is not None]
        for record, source in zip(events, _sources(events), strict=True):
            if source in known:
                yield record
            known.add(source)


def _sources(records: list[Stood]) -> Iterator[Coordinate]:
    return (decode_entry(record.value or b"").source[:3] for record in records if record.key is not None)


def _came_from(letter: Stood) -> Coordinate:
    told = dict(letter.headers)
    topic, partition, offset = (told[PREFIX + name].decode() for name in ("topic", "partition", "offset"))
    return next(id_ for name, id_ in _IDS.items() if topic.endswith(name)), int(partition), int(offset)

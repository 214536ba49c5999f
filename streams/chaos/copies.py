"""What readers see that do not read committed: aborted copies, and whether what they say came true."""

from collections.abc import Iterator

from schemas.topics import DECISIONS
from streams.chaos.evidence import Evidence, Stood
from streams.replay.crash_free import Difference


def aborted(evidence: Evidence) -> list[Stood]:
    """The outputs that stand in transactions that were aborted."""
    committed = {record[:3] for record in evidence.told}
    return [record for record in evidence.said if record[:3] not in committed]


def strangers(evidence: Evidence, *, scripted: bool) -> Iterator[Difference]:
    """Aborted copies of what was never committed.

    Every decision is taken again for the same cause, so under the same id. Without a model it also comes out the same;
    with one, other scores may have made another intervention of it, or none.
    """
    ids = {(record.topic, record.told.id) for record in evidence.told}
    for record in aborted(evidence):
        if (scripted or record.topic == DECISIONS.name) and (record.topic, record.told.id) not in ids:
            what = f"{record.told.id} on {record.topic} stands in an aborted transaction and in no committed one"
            yield Difference("unexpected", record.key or b"", what)

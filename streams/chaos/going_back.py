"""State never goes back: in the changelog, each record of a shopper is of a later place in the log than the one before.

What stands there at the end tells little of a worker that was replaced and wrote once more: its successor soon writes
the same shoppers again. The order of all records tells.
"""

from collections.abc import Iterable, Iterator

from schemas.shopper import META_KEY, decode_meta, decode_shopper
from streams.chaos.evidence import Stood
from streams.replay.crash_free import Difference


def went_back(changes: Iterable[Stood]) -> Iterator[Difference]:
    """The records of a changelog, in log order, that say less than an earlier one did."""
    known: dict[tuple[int, bytes], int] = {}
    for record in changes:
        at = record.partition, record.key or b""
        place = _place(record)
        before = known.get(at, -1)
        if place is not None and place < before:
            where = f"offset {record.offset} of changelog partition {record.partition}"
            what = f"{at[1]!r} at {where} goes back from place {before} of the log to {place}: an older owner wrote"
            yield Difference("unexpected", b"" if at[1] == META_KEY else at[1], what)
        known[at] = before if place is None else max(place, before)


def _place(record: Stood) -> int | None:
    """How much of the timeline is in it; None of a deletion."""
    if record.value is None:
        return None
    return decode_meta(record.value).offset if record.key == META_KEY else decode_shopper(record.value).fence

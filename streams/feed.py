"""What a feed sends: records for input topics, in the order in which they arrive, on log time."""

from typing import Final, NamedTuple


class Arrival(NamedTuple):
    """One record on its way to Kafka. `at_ms` is log time at which it arrives (not the event's own time)."""

    at_ms: int
    topic: str
    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


ELSEWHERE: Final = b"of a shopper whom another process replays"
"""The value, by identity, of a row that a reader did not make into an event, as another process replays its shopper."""

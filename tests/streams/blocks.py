"""Blocks as a transport hands them over, without one."""

from collections.abc import Sequence
from typing import NamedTuple

from faust.types import TP


class Raw(NamedTuple):
    """A record of an input topic."""

    offset: int
    value: bytes | None
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes | None]] = ()
    timestamp: int = 1_700_000_000_000


class Block:
    """Records of one partition, and what became of them."""

    def __init__(self, topic: str, partition: int, records: Sequence, stale: bool = False) -> None:
        self.tp, self.records, self.stale = TP(topic, partition), records, stale
        self.next_offset = records[-1].offset + 1 if records else 0
        self.released = self.is_durable = False

    def release(self) -> None:
        self.released = True

    def durable(self) -> None:
        self.is_durable = True

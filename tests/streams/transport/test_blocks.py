"""Blocks: back-pressure, release and staleness, without a broker."""

import asyncio
from typing import NamedTuple

from faust.types import TP

from streams.transport.blocks import Block, Limits, Reading, Record, in_hand


class Plain(NamedTuple):
    """A record written by hand."""

    offset: int
    timestamp: int = 0
    key: bytes | None = None
    value: bytes | None = b"v"
    headers: tuple[tuple[str, bytes | None], ...] = ()


def records(start: int, count: int) -> list[Record]:
    return [Plain(offset) for offset in range(start, start + count)]


def reading(limits: Limits, woken: list[int] | None = None) -> Reading:
    return Reading(TP("clicks", 0), 0, 7, limits, lambda: woken.append(1) if woken is not None else None)


def block(of: Reading, count: int, size: int = 0) -> Block:
    start = of.prefix.position
    return of.block(records(start, count), start, start + count, size)


def test_a_partition_is_full_at_its_limit_of_records_and_has_room_after_a_release() -> None:
    woken: list[int] = []
    clicks = reading(Limits(records=10, bytes=1_000), woken)
    first, second = block(clicks, 6), block(clicks, 4)

    assert not clicks.has_room
    first.release()

    assert clicks.has_room
    assert woken == [1]
    second.release()
    assert woken == [1]


def test_a_partition_is_full_at_its_limit_of_bytes() -> None:
    clicks = reading(Limits(records=10, bytes=1_000))

    block(clicks, 1, size=1_000)

    assert not clicks.has_room


def test_a_block_released_twice_makes_room_once() -> None:
    clicks = reading(Limits(records=10, bytes=1_000))
    first = block(clicks, 6)
    block(clicks, 8)

    first.release()
    first.release()

    assert clicks.queued.records == 8
    assert clicks.has_room


def test_a_block_carries_where_it_came_from() -> None:
    clicks = reading(Limits(10, 1_000))
    got = block(clicks, 3)

    assert (got.tp, got.next_offset, got.generation, got.stale) == (TP("clicks", 0), 3, 7, False)


def test_closing_a_reading_makes_its_blocks_stale_and_another_opening_is_not_touched_by_them() -> None:
    clicks = reading(Limits(10, 1_000))
    old = block(clicks, 3)

    clicks.close()
    again = reading(Limits(10, 1_000))
    new = block(again, 3)
    old.durable()
    old.release()

    assert old.stale
    assert not new.stale
    assert again.prefix.end == 0
    assert again.queued.records == 3


def test_blocks_durable_out_of_order_move_the_end_only_over_a_prefix() -> None:
    clicks = reading(Limits(100, 1_000))
    blocks = [block(clicks, 3) for _ in range(3)]

    blocks[2].durable()
    blocks[1].durable()
    assert clicks.prefix.end == 0
    blocks[0].durable()

    assert clicks.prefix.end == 9


async def test_in_hand_takes_everything_that_waits_and_does_not_wait_itself() -> None:
    clicks, queue = reading(Limits(100, 1_000)), asyncio.Queue[Block]()
    blocks = [block(clicks, 1) for _ in range(3)]
    for waiting in blocks[1:]:
        queue.put_nowait(waiting)

    assert in_hand(blocks[0], queue) == blocks
    assert in_hand(blocks[0], queue) == blocks[:1]

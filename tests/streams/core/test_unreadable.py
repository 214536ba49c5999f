"""What somebody else writes to the timeline changes no shopper, stops nobody, and is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.shopper import encode_shopper
from schemas.timeline import SLOT_AT, TAIL_AT, Tick, encode_tick
from tests.streams.builders import Log, Record
from tests.streams.decided import partition

EVENT = Log().cart(10).records[0]
DAMAGED = {
    "no value": (b"ann", None),
    "nothing at all": (None, None),
    "an empty value": (b"ann", b""),
    "text": (b"ann", b"hello, is anybody there? this is not a timeline record at all, but long enough"),
    "text without a key": (None, b"hello"),
    "a newer version": (b"ann", b"\x02" + EVENT.value[1:]),
    "cut within the fixed part": (b"ann", EVENT.value[: TAIL_AT - 1]),
    "a damaged tail": (b"ann", EVENT.value[: TAIL_AT + 3]),
    "a TICK with a key": (b"ann", encode_tick(Tick(5_000, 5_000))),
    "an event without a key": (None, EVENT.value),
    "a TICK cut short": (None, encode_tick(Tick(5_000, 5_000))[:-9]),
    "a TICK of the end of time": (None, encode_tick(Tick(1 << 62, 5_000))),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_it_is_told_with_its_reason_and_what_comes_behind_it_is_applied(what):
    key, value = DAMAGED[what]
    part = partition()

    part.step([Record(0, key, value)])
    part.step([record._replace(offset=record.offset + 1) for record in Log().view(20, user="bob").tick(30).records])

    ((record, why),) = part.unreadable
    assert (record.offset, record.value) == (0, value)
    assert why
    assert part.shard.shoppers[b"bob"].events == 1
    assert (part.shard.offset, part.shard.watermark_ms) == (3, 30_000)
    assert not part.shard.timers


@given(
    garbage=st.lists(
        st.tuples(st.integers(0, 5), st.none() | st.binary(max_size=20), st.none() | st.binary(max_size=90))
    )
)
def test_with_or_without_garbage_in_between_the_shoppers_are_the_same(garbage):
    log = Log().tick(1).cart(10).view(11).buy(12).tick(20).records
    mixed = list(log)
    for at, key, value in garbage:
        if value is None or value[:1] != b"\x01":
            mixed.insert(min(at, len(mixed)), Record(-1, key, value))
    clean, dirty = partition(), partition()

    clean.step(log)
    dirty.step([record._replace(offset=offset) for offset, record in enumerate(mixed)])

    assert len(dirty.unreadable) == len(mixed) - len(log)
    assert _shoppers(dirty) == _shoppers(clean)
    assert dirty.shard.meta().sources == clean.shard.meta().sources


def _shoppers(part) -> dict[bytes, bytes]:
    """Without the fences, which are offsets of the log."""
    found = part.shard.shoppers
    for shopper in found.values():
        shopper.fence = 0
    return {key: encode_shopper(shopper) for key, shopper in found.items()}


def test_events_of_a_kind_that_is_not_known_yet_are_remembered():
    value = bytearray(EVENT.value)
    value[SLOT_AT] = 40
    part = partition()

    part.step([Record(0, b"ann", bytes(value))])

    assert part.unreadable == []
    assert part.shard.shoppers[b"ann"].events == 1

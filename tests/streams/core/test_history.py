"""The ring equals the end of a list of everything, and repeats are those whose id is among the last 64."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.history import ID_BYTES, RING_EVENTS, SLOT_SIZE
from schemas.shopper import Shopper
from streams.core.history import knows, recent, remember
from tests.streams.core.slots import slot

IDS = st.lists(st.integers(1, 150) | st.integers(1, (1 << 48) - 1), max_size=300)


@given(IDS)
def test_recent_is_the_end_of_everything_and_repeats_are_recognised_among_the_last_64(ids):
    shopper, all_slots, repeats = Shopper(), [], 0
    for id_ in ids:
        known = {seen[ID_BYTES] for seen in all_slots[-RING_EVENTS:]}
        new = slot(id_, item=id_ << 16 | id_ & 0xFFFF)  # an item whose bytes look like an id

        assert knows(shopper.ring, new[ID_BYTES]) == (new[ID_BYTES] in known)
        assert remember(shopper, new, 0) == (new[ID_BYTES] not in known)

        repeats += new[ID_BYTES] in known
        all_slots += [] if new[ID_BYTES] in known else [new]
        assert recent(shopper) == b"".join(all_slots[-32:])
    assert (shopper.events, shopper.duplicates) == (len(all_slots), repeats)
    assert len(shopper.ring) == min(len(all_slots), RING_EVENTS) * SLOT_SIZE


def test_bytes_that_look_like_an_id_elsewhere_in_a_slot_are_none():
    id_ = slot(0xABCDEF)[ID_BYTES]
    item = int.from_bytes(id_, "little")

    assert not knows(bytearray(slot(1, item=item)), id_)
    assert knows(bytearray(slot(1, item=item) + slot(0xABCDEF)), id_)


def test_a_repeat_changes_nothing_but_its_count():
    shopper, again = Shopper(), Shopper()
    for one in (shopper, again):
        remember(one, slot(7), 5)

    assert not remember(again, slot(7, kind=9, at_ms=1), 99)
    again.duplicates -= 1
    assert again == shopper

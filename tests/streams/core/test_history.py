"""The ring equals the end of a list of everything, and repeats are those whose id is among the last 64."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.history import ID_SIZE, RING_EVENTS, SLOT_SIZE
from schemas.shopper import Shopper
from streams.core.history import knows, recent, remember
from tests.streams.core.slots import message_id, slot

IDS = st.lists(st.integers(1, 150) | st.integers(1, (1 << 48) - 1), max_size=300)


@given(IDS)
def test_recent_is_the_end_of_everything_and_repeats_are_recognised_among_the_last_64(numbers):
    shopper, all_ids, all_slots, repeats = Shopper(), [], [], 0
    for number in numbers:
        known = message_id(number) in all_ids[-RING_EVENTS:]

        assert knows(shopper.ids, message_id(number)) == known
        assert remember(shopper, message_id(number), slot(item=number), 0) == (not known)

        repeats += known
        all_ids += [] if known else [message_id(number)]
        all_slots += [] if known else [slot(item=number)]
        assert recent(shopper) == b"".join(all_slots[-32:])
    assert (shopper.events, shopper.duplicates) == (len(all_slots), repeats)
    assert shopper.ids == b"".join(all_ids[-RING_EVENTS:])
    assert len(shopper.ring) == min(len(all_slots), RING_EVENTS) * SLOT_SIZE


@given(st.lists(st.binary(min_size=ID_SIZE, max_size=ID_SIZE), min_size=1, max_size=12), st.data())
def test_bytes_that_look_like_an_id_in_the_middle_of_two_are_none(ids, data):
    joined = b"".join(ids)
    start = data.draw(st.integers(0, len(joined) - ID_SIZE))
    wanted = joined[start : start + ID_SIZE]

    assert knows(joined, wanted) == (wanted in ids)


def test_a_repeat_changes_nothing_but_its_count():
    shopper, again = Shopper(), Shopper()
    for one in (shopper, again):
        remember(one, message_id(7), slot(), 5)

    assert not remember(again, message_id(7), slot(kind=9, at_ms=1), 99)
    again.duplicates -= 1
    assert again == shopper

"""What may be committed, for every order in which blocks can become durable."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.transport.offsets import DurablePrefix, HoleError

lengths = st.lists(st.integers(1, 50), min_size=1, max_size=20)


def longest_prefix(start: int, sizes: Sequence[int], done: set[int]) -> int:
    """The end of the durable prefix, found by looking at every block anew."""
    end = start
    for index, size in enumerate(sizes):
        if index not in done:
            break
        end += size
    return end


@given(start=st.integers(0, 10**12), sizes=lengths, data=st.data())
def test_the_end_is_that_of_the_contiguous_durable_prefix_in_any_order(
    start: int, sizes: list[int], data: st.DataObject
) -> None:
    read, at, spans = DurablePrefix(start), start, []
    for size in sizes:
        spans.append(read.deliver(at, at + size))
        at += size
    order = data.draw(st.permutations(range(len(sizes))))
    done: set[int] = set()

    for index in order[: data.draw(st.integers(0, len(sizes)))]:
        read.declare(spans[index])
        done.add(index)

        assert read.end == longest_prefix(start, sizes, done)
    assert read.position == start + sum(sizes)


@given(steps=st.lists(st.sampled_from(["block", "hidden", "durable"]), max_size=60), data=st.data())
def test_the_end_never_goes_back_and_never_passes_an_undurable_block(steps: list[str], data: st.DataObject) -> None:
    read, open_spans = DurablePrefix(0), []

    for step in steps:
        before = read.end
        if step == "block":
            open_spans.append((read.position, read.deliver(read.position, read.position + 3)))
        elif step == "hidden":
            read.skip(read.position, read.position + 2)
        elif open_spans:
            read.declare(open_spans.pop(data.draw(st.integers(0, len(open_spans) - 1)))[1])

        assert before <= read.end <= min([start for start, _ in open_spans], default=read.position)


def test_declaring_a_block_twice_changes_nothing() -> None:
    read = DurablePrefix(0)
    first, second = read.deliver(0, 5), read.deliver(5, 9)

    read.declare(first)
    read.declare(first)

    assert read.end == 5
    read.declare(second)
    assert read.end == 9


def test_offsets_without_records_are_passed_with_the_block_before_them() -> None:
    read = DurablePrefix(0)
    block = read.deliver(0, 5)
    read.skip(5, 7)

    assert read.end == 0
    read.declare(block)
    assert read.end == 7


@pytest.mark.parametrize("start", [0, 4, 6, 100])
def test_a_block_that_does_not_begin_where_the_last_one_ended_is_refused(start: int) -> None:
    read = DurablePrefix(0)
    read.deliver(0, 5)

    with pytest.raises(HoleError, match="begins at offset 5"):
        read.deliver(start, start + 1)

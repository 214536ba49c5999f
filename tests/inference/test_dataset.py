"""Examples on disk, and their split by time."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from inference.dataset import batches, gather, inputs, read_examples, split, write_examples
from inference.heads import CART_MS, HEADS
from inference.inputs import tensors
from tests.inference.shop import examples


def test_examples_come_back_from_a_file_as_they_were(tmp_path: Path) -> None:
    some = list(examples(50))
    write_examples(tmp_path / "examples", gather(some))

    back = read_examples(tmp_path / "examples")

    np.testing.assert_array_equal(back["abandon_30m"], np.array([one.abandon_30m for one in some], dtype=np.float32))
    np.testing.assert_array_equal(back["next_action"], [one.next_action for one in some])
    assert back["shopper"].tolist() == [one.shopper for one in some]
    assert back["at_ms"].tolist() == [one.at_ms for one in some]


def test_the_tensors_of_stored_examples_are_those_that_serving_makes(tmp_path: Path) -> None:
    some = list(examples(50))
    write_examples(tmp_path / "examples", gather(some))

    stored = inputs(read_examples(tmp_path / "examples"))

    for name, served in tensors([one.request for one in some]).items():
        np.testing.assert_array_equal(stored[name], served)


def test_a_file_that_holds_something_else_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("user_id,event\n")
    np.save(tmp_path / "old.npy", np.zeros(3, dtype=[("history", "u1")]))

    for name in ("text", "old.npy"):
        with pytest.raises(ValueError, match=r"expected .*got .*kairos examples LOG --out DIR"):
            read_examples(tmp_path / name)


def test_no_examples_are_refused() -> None:
    with pytest.raises(ValueError, match="expected examples, got none"):
        gather([])


def test_no_label_of_an_earlier_part_looks_into_a_later_part() -> None:
    all_of_them = gather(examples(2_000, days=20))

    parts = split(all_of_them)

    for earlier, later in pairwise(parts):
        cut_ms = later["at_ms"].min()
        assert earlier["at_ms"].max() < cut_ms - CART_MS
        for head in HEADS:
            known = earlier[head.name] >= 0  # not NaN, not -1
            assert earlier["at_ms"][known].max(initial=0) < cut_ms - head.horizon_ms, head
        assert (earlier["purchase_24h"] >= 0).any()
    assert [round(len(part) / 2_000, 2) for part in parts] == [0.69, 0.14, 0.15]


def test_a_split_leaves_the_examples_as_they_were() -> None:
    all_of_them = gather(examples(500, days=20))
    before = all_of_them.copy()

    split(all_of_them)

    assert all_of_them.tobytes() == before.tobytes()


def test_a_log_too_short_for_the_gap_is_refused() -> None:
    with pytest.raises(ValueError, match=r"over much more time than two gaps of 6 h, got 100 over \d+\.\d h"):
        split(gather(examples(100, days=1)))


def test_a_pass_over_the_batches_sees_each_example_once_and_in_an_order_of_its_own() -> None:
    rng = np.random.default_rng(0)

    first, second = (np.concatenate(list(batches(10, 4, rng))) for _ in range(2))

    assert sorted(first) == sorted(second) == list(range(10))
    assert first.tolist() != second.tolist()

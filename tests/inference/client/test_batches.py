"""Batches have few sizes: requests are split above the largest and padded up to the next."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.client.batches import chunks, padded, padded_size
from inference.inputs import Request
from inference.repository import BATCH_SIZES


@given(st.integers(0, 5_000))
def test_chunks_keep_every_request_in_order_and_each_fits_a_batch(count: int) -> None:
    requests = [Request(b"", at_ms, ()) for at_ms in range(count)]

    parts = list(chunks(requests))

    assert [request for part in parts for request in part] == requests
    assert all(1 <= len(part) <= BATCH_SIZES[-1] for part in parts)


@given(st.integers(1, BATCH_SIZES[-1]))
def test_padding_goes_to_a_size_that_was_warmed_up_and_costs_less_than_twice(count: int) -> None:
    assert padded_size(count) in BATCH_SIZES
    assert count <= padded_size(count) < 2 * count


def test_padding_is_zeros_behind_the_requests_in_the_same_type() -> None:
    ids = np.arange(1, 19, dtype=np.int16).reshape(3, 3, 2)

    grown = padded({"event_ids": ids, "context": np.ones((3, 4), np.float32)})

    assert grown["event_ids"].dtype == np.int16
    assert grown["event_ids"].shape == (4, 3, 2)
    np.testing.assert_array_equal(grown["event_ids"][:3], ids)
    assert not grown["event_ids"][3:].any()
    assert grown["context"].shape == (4, 4)


def test_more_than_the_largest_batch_is_refused_with_the_fix() -> None:
    with pytest.raises(ValueError, match="expected at most 1024 requests in a batch, got 1025; split them"):
        padded_size(1025)

"""The tensors that models are given."""

import math
import random
from typing import Any

import numpy as np
import pytest

from inference.inputs import CATEGORY_BUCKETS, CONTEXT, HISTORY_EVENTS, INPUTS, ITEM_BUCKETS, Request, tensors
from schemas.history import SLOT

NOW_MS = 1_790_000_000_000


def slot(kind: int, at_ms: int, item: int = 0, category: int = 0, price: int = 0) -> bytes:
    return SLOT.pack(kind, at_ms & 0xFFFFFFFF, at_ms >> 32, item, category, price)


def request(rng: random.Random, events: int) -> Request:
    times = sorted(NOW_MS - rng.randrange(0, 10**9) for _ in range(events))
    slots = [
        slot(rng.randint(1, 11), at_ms, rng.choice([0, rng.getrandbits(64)]), rng.getrandbits(32), rng.getrandbits(17))
        for at_ms in times
    ]
    context = tuple(rng.choice([-1.0, 0.0, rng.random() * 10 ** rng.randint(0, 8)]) for _ in CONTEXT)
    return Request(b"".join(slots), NOW_MS, context)


def naive(asked: Request) -> dict[str, Any]:
    """One request, slot by slot, straight from the words of the contract."""
    slots = list(SLOT.iter_unpack(asked.history))
    times = [low | high << 32 for _, low, high, *_ in slots]
    ids = [[0, 0, 0]] * (HISTORY_EVENTS - len(slots))
    numbers = [[0.0, 0.0, 0.0]] * (HISTORY_EVENTS - len(slots))
    for n, (kind, _, _, item, category, price) in enumerate(slots):
        ids.append(
            [
                kind,
                1 + item % (ITEM_BUCKETS - 1) if item else 0,
                1 + category % (CATEGORY_BUCKETS - 1) if category else 0,
            ]
        )
        gap_s = (times[n] - times[n - 1]) / 1000 if n else 0.0
        numbers.append([scaled(price), scaled(gap_s), scaled((asked.at_ms - times[n]) / 1000)])
    bought = float(asked.context[CONTEXT.index("since_purchase_s")] >= 0)
    angle = 2 * math.pi * (asked.at_ms % 86_400_000) / 86_400_000
    context = [*map(scaled, asked.context), bought, math.sin(angle), math.cos(angle)]
    return {"event_ids": ids, "event_numbers": numbers, "context": context}


def scaled(number: float) -> float:
    return math.log(1 + min(max(number, 0.0), 1e9)) / 8


def test_the_tensors_of_a_batch_equal_those_computed_slot_by_slot() -> None:
    rng = random.Random(1)
    requests = [request(rng, events) for events in [0, 1, 2, 31, 32, *(rng.randint(0, 32) for _ in range(60))]]

    batch = tensors(requests)

    for n, asked in enumerate(requests):
        for name, expected in naive(asked).items():
            np.testing.assert_allclose(batch[name][n], expected, rtol=1e-5, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("count", [0, 1, 7])
def test_names_shapes_and_dtypes_are_those_declared(count: int) -> None:
    rng = random.Random(2)

    batch = tensors([request(rng, 5) for _ in range(count)])

    assert [(name, tensor.dtype, tensor.shape) for name, tensor in batch.items()] == [
        (declared.name, np.dtype(declared.dtype), (count, *declared.shape)) for declared in INPUTS
    ]


def test_the_newest_event_stands_last_and_padding_is_all_zero() -> None:
    asked = Request(slot(5, NOW_MS - 1_000, item=9, category=8, price=700), NOW_MS, (0.0,) * len(CONTEXT))

    batch = tensors([asked])

    assert batch["event_ids"][0, -1].tolist() == [5, 10, 9]
    assert not batch["event_ids"][0, :-1].any()
    assert not batch["event_numbers"][0, :-1].any()


def test_kinds_of_the_future_and_wild_numbers_stay_within_bounds() -> None:
    wild = (math.inf, -math.inf, *([1e30] * (len(CONTEXT) - 2)))
    ahead = slot(200, NOW_MS + 10**9, 2**64 - 1, 2**32 - 1, 2**32 - 1)

    batch = tensors([Request(ahead * HISTORY_EVENTS, NOW_MS, wild)])

    assert batch["event_ids"][..., 0].max() == 63
    assert batch["event_ids"].min() >= 0
    assert all(np.isfinite(tensor).all() and np.abs(tensor).max() <= ITEM_BUCKETS for tensor in batch.values())


def test_a_history_that_is_too_long_is_refused_with_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"at most 736 bytes, got one of 759.*send the last 32 events"):
        tensors([Request(bytes(759), NOW_MS, (0.0,) * len(CONTEXT))])

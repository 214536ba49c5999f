"""The reasons of a decision, from what a model says it pushed, and from what was recorded of that."""

import numpy as np
import pytest

from inference.inputs import CONTEXT, PUSHED, Request
from schemas.decisions import Contribution
from schemas.history import SLOT
from schemas.kinds import Kind
from streams.core.policy.reasons import NAMED, OTHERS, reasons, recorded_pushes

HOUR_MS = 3_600_000
SLOTS = b"".join(SLOT.pack(kind, 0, 0, 257, 1, 1) for kind in (Kind.PRODUCT_ADDED, Kind.PRODUCT_REMOVED, 6))
ASKED = Request(SLOTS, 30 * HOUR_MS, tuple(float(nth) for nth in range(len(CONTEXT))))


def pushes(**pushed: float) -> bytes:
    return np.array([pushed.get(name, 0.0) for name in PUSHED], dtype=np.float32).tobytes()


def test_first_comes_what_pushed_most_with_its_value_and_what_is_always_told_comes_too() -> None:
    told = reasons(ASKED, pushes(product_removed=0.25, cart_age_s=-0.125, events=0.0625, hour_of_day=0.03125))

    assert told[:4] == (
        Contribution(feature="product_removed", value=2.0, contribution=0.25),
        Contribution(feature="cart_age_s", value=float(CONTEXT.index("cart_age_s")), contribution=-0.125),
        Contribution(feature="events", value=float(CONTEXT.index("events")), contribution=0.0625),
        Contribution(feature="hour_of_day", value=6.0, contribution=0.0312),
    )
    assert {one.feature for one in told} == {*NAMED, "product_removed", "events", "hour_of_day"}


def test_without_pushes_what_is_always_told_is_told_without_contributions() -> None:
    told = reasons(ASKED, b"")

    assert tuple(one.feature for one in told) == NAMED
    assert {one.contribution for one in told} == {0.0}
    assert reasons(ASKED, pushes()) == told
    assert reasons(ASKED, pushes(events=0.00001)) == told, "nothing is left of it where it is told"
    assert reasons(None, b"") == ()


@pytest.mark.parametrize("seed", range(200))
def test_recorded_reasons_say_the_same_again(seed: int) -> None:
    rng = np.random.default_rng(seed)
    found = (rng.normal(size=len(PUSHED)) * 10.0 ** rng.integers(-6, 1, len(PUSHED))).astype(np.float32)
    found[rng.random(len(PUSHED)) < rng.random()] = 0

    told = reasons(ASKED, found.tobytes())

    assert reasons(ASKED, recorded_pushes(told)) == told
    assert len(told) <= len(NAMED) + OTHERS


def test_equal_pushes_are_told_in_one_order() -> None:
    told = reasons(ASKED, pushes(**dict.fromkeys(PUSHED, -0.1)))

    assert [one.feature for one in told] == sorted((one.feature for one in told), key=PUSHED.index)
    assert reasons(ASKED, recorded_pushes(told)) == told

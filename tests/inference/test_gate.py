"""A compressed model is used where it is about as good as the other, and clearly faster."""

import numpy as np
import pytest

from inference.dataset import DTYPE_OF_EXAMPLE
from inference.gate import LIVE, Compression, Kept, kept, not_judged, refusals


def compression(
    abandon: Kept | None = None, purchase: Kept | None = None, times: float = 2.0, to: str = "lstm"
) -> Compression:
    same = Kept(rarer=500, before=0.8, after=0.8)
    heads = {"abandon_30m": abandon or same, "purchase_24h": purchase or same}
    return Compression(to=to, heads=heads, times_as_fast=times, bytes=(2, 1))


def test_a_model_that_is_as_good_and_twice_as_fast_is_used() -> None:
    assert refusals(compression()) == []
    assert not_judged(compression()) == []


@pytest.mark.parametrize(("after", "refused"), [(0.9, False), (0.7921, False), (0.7919, True), (0.0, True)])
def test_a_head_may_lose_one_percent_of_its_pr_auc(after: float, refused: bool) -> None:
    one = Kept(rarer=50, before=0.8, after=after)

    assert bool(refusals(compression(abandon=one))) == refused
    assert bool(refusals(compression(purchase=one))) == refused


@pytest.mark.parametrize(
    ("to", "times", "refused"),
    [("lstm", 1.5, False), ("lstm", 1.49, True), ("int8", 1.2, False), ("int8", 1.19, True)],
)
def test_an_lstm_must_be_half_as_fast_again_and_int8_a_fifth(to: str, times: float, refused: bool) -> None:
    assert bool(refusals(compression(times=times, to=to))) == refused


def test_a_refusal_names_every_number() -> None:
    found = compression(abandon=Kept(rarer=90, before=0.8, after=0.76), times=1.07, to="int8")

    assert refusals(found) == [
        "abandon_30m falls from a PR-AUC of 0.8000 to 0.7600 (-5.0%), -1% is allowed",
        "it is 1.07 times as fast, 1.2 times are needed",
    ]


def test_a_head_with_few_answers_is_named_and_not_judged() -> None:
    found = compression(purchase=Kept(rarer=49))

    assert refusals(found) == []
    assert not_judged(found) == ["purchase_24h is not judged: 49 of its rarer answer, 50 are needed"]


def test_what_cannot_be_judged_at_all_is_refused() -> None:
    (reason,) = refusals(compression(Kept(rarer=3), Kept(rarer=0)))

    assert "no head can be judged" in reason
    assert "abandon_30m is not judged: 3 of its rarer answer" in reason


def test_answers_are_judged_where_the_label_is_known_and_the_rarer_answer_counts() -> None:
    examples = np.zeros(400, dtype=DTYPE_OF_EXAMPLE)
    examples["abandon_30m"] = np.repeat([1, 0, np.nan], [250, 60, 90])
    examples["purchase_24h"] = np.repeat([1, 0], [49, 351])
    right = np.nan_to_num(examples["abandon_30m"], nan=0.5)
    before, after = dict.fromkeys(LIVE, right), dict.fromkeys(LIVE, 1 - right)

    found = kept(before, after, examples)

    assert found["abandon_30m"].rarer == 60
    assert found["abandon_30m"].before == pytest.approx(1.0)
    assert found["abandon_30m"].after < 0.9
    assert found["purchase_24h"] == Kept(rarer=49)

"""Only probabilities of the declared shapes are believed."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from inference.client.checked import checked
from inference.client.failure import NoAnswerError
from inference.inputs import ACTIONS, PUSHED


def answers(count: int) -> dict[str, npt.NDArray[Any]]:
    return {
        "purchase_24h": np.linspace(0, 1, count, dtype=np.float32),
        "abandon_30m": np.full(count, 0.25, np.float32),
        "next_action": np.full((count, ACTIONS), 1 / ACTIONS, np.float32),
    }


def test_scores_come_in_the_order_of_the_requests_without_the_padding() -> None:
    scores = checked(answers(4), count=3, where="here")

    assert [score.purchase_24h for score in scores] == pytest.approx([0, 1 / 3, 2 / 3])
    assert scores[0].abandon_30m == 0.25
    assert len(scores[0].next_action) == ACTIONS
    assert all(type(value) is float for value in (scores[0].purchase_24h, *scores[0].next_action))


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf, -0.01, 1.01])
@pytest.mark.parametrize("name", ["purchase_24h", "abandon_30m", "next_action"])
def test_one_number_that_is_no_probability_spoils_the_answer(name: str, wrong: float) -> None:
    outputs = answers(4)
    outputs[name].flat[1] = wrong

    with pytest.raises(NoAnswerError, match=f"expected probabilities {name}.*got numbers from.*here") as caught:
        checked(outputs, count=3, where="here")

    assert caught.value.failure == "wrong_answer"


def test_a_wrong_number_in_the_padding_does_no_harm() -> None:
    outputs = answers(4)
    outputs["abandon_30m"][3] = np.nan

    assert len(checked(outputs, count=3, where="here")) == 3


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("purchase_24h", np.zeros((4, 2), np.float32)),
        ("purchase_24h", np.zeros(4, np.float64)),
        ("abandon_30m", np.zeros(2, np.float32)),
        ("next_action", np.full((4, ACTIONS - 1), 0.1, np.float32)),
        ("next_action", np.zeros((4, ACTIONS), np.float32)),
    ],
)
def test_another_shape_type_or_sum_is_a_wrong_answer(name: str, instead: npt.NDArray[Any]) -> None:
    with pytest.raises(NoAnswerError, match=f"expected probabilities {name}") as caught:
        checked(answers(4) | {name: instead}, count=3, where="here")

    assert caught.value.failure == "wrong_answer"


def test_a_missing_tensor_is_named() -> None:
    outputs = answers(4)
    del outputs["next_action"]

    with pytest.raises(NoAnswerError, match=r"next_action.*got only \['abandon_30m', 'purchase_24h'\] from here"):
        checked(outputs, count=3, where="here")


def test_pushes_come_with_the_scores_where_the_model_gives_some() -> None:
    pushed = np.arange(4 * len(PUSHED), dtype=np.float32).reshape(4, -1)

    scores = checked(answers(4) | {"pushes": pushed}, count=3, where="here")

    assert [np.frombuffer(score.pushes, np.float32).tolist() for score in scores] == pushed[:3].tolist()
    assert [score.pushes for score in checked(answers(4), count=3, where="here")] == [b""] * 3


@pytest.mark.parametrize(
    "wrong", [np.full((4, len(PUSHED)), np.nan, np.float32), np.zeros((4, 2), np.float32), np.zeros((4, len(PUSHED)))]
)
def test_pushes_that_are_no_numbers_or_not_as_declared_are_a_wrong_answer(wrong: npt.NDArray[Any]) -> None:
    with pytest.raises(NoAnswerError, match=r"expected pushes, float32 of shape .*, got .* from here"):
        checked(answers(4) | {"pushes": wrong}, count=4, where="here")

"""What pushed a score, as a model answers it beside the score."""

import numpy as np
import pytest
import torch

from inference.asked import Asked
from inference.checkpoint import MODELS
from inference.explain import explain
from inference.inputs import CONTEXT, OUTPUTS, PUSHED, PUSHES, Request, tensors
from inference.models.heads import Served
from schemas.kinds import Kind
from tests.inference.test_explain import request, shaken

TELLING = ["rnn", "gru", "lstm"]
APART = 0.02
"""So far six points of the way may be from the whole way."""
telling = pytest.mark.parametrize("architecture", TELLING)
SOME = [request(1, 1, 5, 6, 7, 5, 8), request(1), request(), request(*[1, 5, 6, 2] * 8)]


def asked(model: Served, requests: list[Request]) -> tuple[np.ndarray, np.ndarray]:
    """The scores and the pushes."""
    with torch.inference_mode():
        answers = Asked(model, everything=False)(*map(torch.from_numpy, tensors(requests).values()))
    return answers[1].numpy(), answers[3].numpy()


@telling
def test_all_pushes_together_are_what_the_score_is_above_the_mean_shopper_without_events(architecture: str) -> None:
    model = shaken(architecture)

    scores, pushes = asked(model, SOME)

    start = explain(model, SOME[0], "abandon_30m").start
    np.testing.assert_allclose(pushes.sum(axis=1), scores - start, atol=APART)
    assert pushes.shape == (len(SOME), len(PUSHED))
    assert np.abs(pushes).max() > 2 * APART, "else this shows nothing"


@telling
def test_an_event_that_did_not_happen_pushed_nothing(architecture: str) -> None:
    _, pushes = asked(shaken(architecture), SOME)

    by_kind = dict(zip(PUSHED, pushes.T, strict=True))
    assert by_kind["order_completed"].tolist() == [0, 0, 0, 0]
    assert [value != 0 for value in by_kind["product_removed"].tolist()] == [True, False, False, True]
    assert pushes[2, len(CONTEXT) + 1 :].tolist() == [0] * len(Kind.__members__.keys() - {"PADDING", "TICK", "CONTROL"})


@telling
def test_the_context_pushes_a_shopper_without_events_as_integrated_gradients_say(architecture: str) -> None:
    model = shaken(architecture)

    _, pushes = asked(model, [request()])

    exact = explain(model, request(), "abandon_30m").context
    for name, push in zip(PUSHED[: len(CONTEXT) + 1], pushes[0], strict=False):
        assert push == pytest.approx(exact[name], abs=APART), name


@pytest.mark.parametrize("architecture", MODELS)
def test_a_model_answers_the_same_with_pushes_as_without(architecture: str) -> None:
    model = shaken(architecture)
    alone, beside = Asked(model, everything=True), Asked(model, everything=False)
    given = [torch.from_numpy(tensor) for tensor in tensors(SOME).values()]

    with torch.inference_mode():
        for one, other in zip(alone(*given)[: len(OUTPUTS)], beside(*given), strict=False):
            assert torch.equal(one, other)
    assert beside.declared() == ((*OUTPUTS, PUSHES) if architecture in TELLING else OUTPUTS)

"""Explanations of a model: they add up, and they name what was at work."""

from functools import cache

import numpy as np
import pytest
import torch

from inference.asked import Asked
from inference.checkpoint import MODELS
from inference.dataset import Split, gather
from inference.explain import CHANCES, MOST_APART, Explanation, explain
from inference.inputs import CONTEXT, Request, tensors
from inference.models.heads import Served
from inference.train import Plan, train
from schemas.kinds import Kind
from tests.inference.shop import START_MS, examples, slot

every_model = pytest.mark.parametrize("architecture", MODELS)


@cache
def shaken(architecture: str) -> Served:
    """A calibrated model none of whose weights is small: gradients far from linear, a context far from its mean."""
    with torch.random.fork_rng():
        torch.manual_seed(11)
        model = Served(MODELS[architecture]()).eval()
        with torch.no_grad():
            for weight in model.parameters():
                weight.add_(torch.randn(weight.shape), alpha=0.1)
    model.standardise(torch.rand(50, len(CONTEXT) + 3, generator=torch.Generator().manual_seed(1)))
    model.temperatures.fill_(1.5)
    model.biases.fill_(-0.7)
    return model


@cache
def learned() -> Served:
    """An LSTM of a shop where who takes things out of the cart abandons it."""
    some = gather(examples(6_000, seed=5))
    plan = Plan(epochs=6, batch=128, learning_rate=5e-3, patience=6)
    return train(Split(some[:5_000], some[5_000:], some[5_000:]), plan, lambda _: None).model


def request(*kinds: int) -> Request:
    at = range(START_MS - 60_000 * len(kinds), START_MS, 60_000)
    slots = [slot(kind, at_ms, 5 + nth, 900) for nth, (kind, at_ms) in enumerate(zip(kinds, at, strict=True))]
    return Request(b"".join(slots), START_MS, (3.0,) * len(CONTEXT))


def total(found: Explanation) -> float:
    return sum(found.events) + sum(found.context.values())


@every_model
def test_the_pushes_add_up_to_what_the_score_is_above_the_start(architecture: str) -> None:
    model, asked = shaken(architecture), request(1, 1, 5, 6, 7, 5, 8)

    for head in CHANCES:
        found = explain(model, asked, head)

        assert total(found) == pytest.approx(found.score - found.start, abs=MOST_APART)
        assert found.apart == pytest.approx(total(found) - (found.score - found.start), abs=1e-6)
        pushes = [*found.events, *found.context.values()]
        assert max(map(abs, pushes)) > 10 * MOST_APART, "else this shows nothing"


@every_model
def test_the_score_is_what_the_model_answers(architecture: str) -> None:
    model, asked = shaken(architecture), request(1, 5, 6)

    answers = Asked(model, everything=False)(*map(torch.from_numpy, tensors([asked]).values()))

    assert explain(model, asked, "abandon_30m").score == pytest.approx(float(answers[1][0].detach()), abs=1e-6)
    assert explain(model, asked, "purchase_24h").score == pytest.approx(float(answers[0][0].detach()), abs=1e-6)


@pytest.mark.parametrize("architecture", ["rnn", "gru", "lstm"])
def test_the_way_of_a_recurrent_model_begins_at_the_mean_shopper_without_events(architecture: str) -> None:
    model = shaken(architecture)
    nobody = [torch.from_numpy(tensor) for tensor in tensors([request()]).values()]

    with torch.inference_mode():
        expected = model(nobody[0], nobody[1], model.mean[None])[1]

    assert explain(model, request(1, 5, 6), "abandon_30m").start == pytest.approx(float(expected[0]), abs=1e-6)


@every_model
def test_an_empty_history_and_a_full_one_have_as_many_pushes_as_events(architecture: str) -> None:
    assert explain(shaken(architecture), request(), "abandon_30m").events == ()
    assert len(explain(shaken(architecture), request(*[1] * 32), "abandon_30m").events) == 32


def test_what_was_taken_out_of_the_cart_is_why_it_will_be_abandoned() -> None:
    asked = request(1, 1, 5, 1, Kind.PRODUCT_REMOVED, 1)

    found = explain(learned(), asked, "abandon_30m")

    assert np.argmax(found.events) == 4
    assert found.events[4] > 0.1
    assert found.context.keys() == {*CONTEXT, "hour_of_day"}
    assert max(found.context, key=lambda name: abs(found.context[name])) == CONTEXT[0]


def test_explaining_changes_nothing_in_the_model() -> None:
    model = shaken("lstm")
    before = explain(model, request(1, 5, 6), "abandon_30m")

    explain(model, request(9, 9), "purchase_24h")

    assert explain(model, request(1, 5, 6), "abandon_30m") == before
    assert all(weight.grad is None for weight in model.parameters())


def test_a_choice_has_no_one_score_to_explain() -> None:
    with pytest.raises(ValueError, match=r"expected a head that answers with a probability \(purchase_24h, .*\), got"):
        explain(shaken("lstm"), request(1), "next_action")

"""A scale for each head, on models that are wrong in a way that is known."""

import numpy as np
import pytest
import torch

from inference.calibrate import Scale, fitted
from inference.dataset import gather
from inference.evaluate import calibration_error
from inference.heads import HEADS
from inference.learned import Learned
from inference.models.heads import LOGITS, Logits, calibrated
from tests.inference.shop import examples

CHANCE, CHOICE = 1, 2
"""Where abandon_30m and next_action stand among the heads."""


def drawn(rows: int = 20_000) -> tuple[Logits, Learned]:
    """Exact logits of all heads, and labels drawn from them."""
    generator = torch.Generator().manual_seed(4)
    logits, labels = [], {}
    for head in HEADS:
        exact = torch.randn(rows, head.width, generator=generator) * 1.5
        if head.answers == "chance":
            exact = exact[:, 0]
            labels[head.name] = (torch.rand(rows, generator=generator) < exact.sigmoid()).float()
        else:
            labels[head.name] = torch.multinomial(exact.softmax(1), 1, generator=generator)[:, 0]
        logits.append(exact)
    some = Learned.of(gather(examples(1))).take(torch.zeros(rows, dtype=torch.long))
    return Logits(*logits), some._replace(**labels)


def error(logits: Logits, learned: Learned, head: int) -> float:
    """The calibration error of a head: of its chance, or of its most probable choice."""
    if HEADS[head].answers == "chance":
        return calibration_error(logits[head].sigmoid().double().numpy(), (learned[3 + head] > 0.5).numpy())
    most, choice = logits[head].softmax(1).max(1)
    return calibration_error(most.double().numpy(), (choice == learned[3 + head]).numpy())


@pytest.mark.parametrize("head", [CHANCE, CHOICE])
def test_a_model_that_is_too_sure_and_wrong_on_average_is_mended(head: int) -> None:
    exact, learned = drawn()
    off = torch.linspace(-1.0, 1.0, HEADS[head].width + 1)[1:]
    wrong = exact._replace(**{HEADS[head].name: exact[head] * 2.0 + (off if len(off) > 1 else 1.0)})
    assert error(wrong, learned, head) > 0.05

    mended = calibrated(wrong, *fitted(wrong, learned))

    assert error(mended, learned, head) < 0.015


def test_exact_probabilities_stay_as_they_are() -> None:
    exact, learned = drawn()

    scale = fitted(exact, learned)

    np.testing.assert_allclose(scale.temperatures, 1.0, atol=0.05)
    assert float(scale.biases.abs().max()) < 0.1


def test_a_head_without_labels_keeps_its_answers_and_one_whose_labels_are_all_the_same_stays_finite() -> None:
    exact, learned = drawn(500)
    learned = learned._replace(
        churn_30d=torch.full((500,), float("nan")), purchase_1h=torch.zeros(500), abandon_30m=learned.abandon_30m
    )

    scale = fitted(exact, learned)

    unknown = [head.name for head in HEADS].index("churn_30d")
    before = Scale(torch.ones(len(HEADS)), torch.zeros(LOGITS))
    assert torch.equal(calibrated(exact, *scale)[unknown], calibrated(exact, *before)[unknown])
    assert all(torch.isfinite(part).all() for part in scale)
    assert float(calibrated(exact, *scale).purchase_1h.sigmoid().mean()) < 0.05

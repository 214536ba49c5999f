"""Calibration: a temperature for each head and a bias for each answer make probabilities mean what they say.

For a chance that is Platt scaling (Platt 1999); for a choice, temperature scaling (Guo et al. 2017) whose bias has been
corrected (Alexandari et al. 2020). A temperature alone cannot mend a model whose mean is off, which early stopping
leaves behind: it makes all answers of a head more sure, or less.
"""

from typing import Final, NamedTuple

import torch
from torch import Tensor

from inference.heads import HEADS
from inference.learned import Learned, losses
from inference.models.heads import LOGITS, Logits, Served, calibrated

_COLDEST, _HOTTEST = 0.05, 20.0
_FARTHEST: Final = 5.0
"""How far a bias may move a logit: where all answers are the same, the best one is infinite."""
_STEPS: Final = 200


class Scale(NamedTuple):
    """`temperatures`, shape (7,), in the order of `HEADS`; `biases`, shape (LOGITS,)."""

    temperatures: Tensor
    biases: Tensor


def calibrate(model: Served, learned: Learned) -> None:
    """Give a model the scale that fits `learned`, which it must not have learned from."""
    scale = fitted(logits_of(model, learned), learned)
    model.temperatures.copy_(scale.temperatures)
    model.biases.copy_(scale.biases)


def fitted(logits: Logits, learned: Learned) -> Scale:
    """The scale under which the labels of `learned` are most probable, from the logits of a model.

    Temperature 1 and bias 0 for a head none of whose labels is known.
    """
    device = learned.context.device
    logs = torch.zeros(len(HEADS), requires_grad=True, device=device)
    biases = torch.zeros(LOGITS, requires_grad=True, device=device)
    optimizer = torch.optim.LBFGS([logs, biases], max_iter=_STEPS, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = losses(calibrated(logits, *_bounded(logs, biases)), learned).sum()
        loss.backward()  # type: ignore[no-untyped-call]  # torch has no types here
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return Scale(*_bounded(logs.detach(), biases.detach()))


def _bounded(logs: Tensor, biases: Tensor) -> Scale:
    return Scale(logs.exp().clamp(_COLDEST, _HOTTEST), biases.clamp(-_FARTHEST, _FARTHEST))


def logits_of(model: Served, learned: Learned) -> Logits:
    """A model's logits for each example, before calibration."""
    model.eval()
    with torch.no_grad():
        parts = [model.logits(*part[:3]) for part in learned.parts()]
    return Logits(*map(torch.cat, zip(*parts, strict=True)))

"""What is the same for every model: what it answers, and what stands around it when it is served."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from inference.inputs import INPUTS, OUTPUTS

_CONTEXT = INPUTS[2].shape[0]
_FAR = 8.0
"""How many standard deviations from what was learned from are told apart."""


class Logits(NamedTuple):
    """What a model answers in training. `purchase_24h` and `abandon_30m`: (B,); `next_action`: (B, 11)."""

    purchase_24h: Tensor
    abandon_30m: Tensor
    next_action: Tensor


class Served(nn.Module):
    """A model as it is served: its context is standardised, and its logits become calibrated probabilities.

    `temperatures`, shape (3,), divide the logits of each head, in the order of `OUTPUTS`; above 1 they make a model
    less sure of itself. `mean` and `deviation`, shape (22,), are of the context it learned from.
    """

    temperatures: Tensor
    mean: Tensor
    deviation: Tensor

    def __init__(self, model: nn.Module, temperatures: tuple[float, ...] = (1.0,) * len(OUTPUTS)) -> None:
        """Nothing is standardised until `standardise` says how."""
        super().__init__()
        self.model = model
        self.register_buffer("temperatures", torch.tensor(temperatures))
        self.register_buffer("mean", torch.zeros(_CONTEXT))
        self.register_buffer("deviation", torch.ones(_CONTEXT))

    def standardise(self, context: Tensor) -> None:
        """Take over mean and deviation of a context, shape (N, 22). What never varies there stays as it is."""
        deviation = context.std(dim=0, correction=0)
        self.mean.copy_(context.mean(dim=0))
        self.deviation.copy_(torch.where(deviation < 1e-3, torch.ones(()), deviation))

    def logits(self, event_ids: Tensor, event_numbers: Tensor, context: Tensor) -> Logits:
        """The model's logits, before calibration."""
        standard = ((context - self.mean) / self.deviation).clamp(-_FAR, _FAR)  # (B, 22)
        logits: Logits = self.model(event_ids, event_numbers, standard)
        return logits

    def forward(self, event_ids: Tensor, event_numbers: Tensor, context: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Probabilities in the order and shapes of `OUTPUTS`, from tensors in those of `INPUTS`."""
        purchase, abandon, action = cooled(self.logits(event_ids, event_numbers, context), self.temperatures)
        return purchase.sigmoid(), abandon.sigmoid(), action.softmax(-1)


def cooled(logits: Logits, temperatures: Tensor) -> Logits:
    """The logits divided by one temperature for each head, shape (3,)."""
    return Logits(*(logit / degree for logit, degree in zip(logits, temperatures, strict=True)))

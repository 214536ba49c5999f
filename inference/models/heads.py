"""What is the same for every model: what it answers, and what stands around it when it is served."""

from typing import Final, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from inference.heads import HEADS
from inference.inputs import INPUTS

_CONTEXT = INPUTS[2].shape[0]
_FAR = 8.0
"""How many standard deviations from what was learned from are told apart."""
LOGITS: Final = sum(head.width for head in HEADS)
"""How many numbers a model's last layer gives."""


class Logits(NamedTuple):
    """What a model answers in training, in the order of `HEADS`: (B,) for a chance, (B, width) for a choice."""

    purchase_24h: Tensor
    abandon_30m: Tensor
    next_action: Tensor
    purchase_1h: Tensor
    purchase_session: Tensor
    churn_30d: Tensor
    next_event: Tensor


def split_logits(together: Tensor) -> Logits:
    """The logits by head, from those of all heads, shape (B, LOGITS)."""
    parts = torch.split(together, [head.width for head in HEADS], dim=1)
    return Logits(*(part[:, 0] if head.width == 1 else part for head, part in zip(HEADS, parts, strict=True)))


@runtime_checkable
class HasOwnLoss(Protocol):
    """A model with something to learn beside its heads."""

    def learn(self, event_ids: Tensor, event_numbers: Tensor, context: Tensor) -> tuple[Logits, Tensor]:
        """The logits, and the mean of its own loss."""


class Served(nn.Module):
    """A model as it is served: its context is standardised, and its logits become calibrated probabilities.

    `temperatures`, shape (7,), divide the logits of each head, in the order of `HEADS`; above 1 they make a model
    less sure of itself. `biases`, shape (LOGITS,), are added then: above 0 an answer becomes more probable. `mean` and
    `deviation`, shape (22,), are of the context it learned from.
    """

    temperatures: Tensor
    biases: Tensor
    mean: Tensor
    deviation: Tensor

    def __init__(self, model: nn.Module, temperatures: tuple[float, ...] = (1.0,) * len(HEADS)) -> None:
        """Nothing is standardised until `standardise` says how."""
        super().__init__()
        self.model = model
        self.register_buffer("temperatures", torch.tensor(temperatures))
        self.register_buffer("biases", torch.zeros(LOGITS))
        self.register_buffer("mean", torch.zeros(_CONTEXT))
        self.register_buffer("deviation", torch.ones(_CONTEXT))

    def standardise(self, context: Tensor) -> None:
        """Take over mean and deviation of a context, shape (N, 22). What never varies there stays as it is."""
        deviation = context.std(dim=0, correction=0)
        self.mean.copy_(context.mean(dim=0))
        self.deviation.copy_(torch.where(deviation < 1e-3, 1.0, deviation))

    def standard(self, context: Tensor) -> Tensor:
        """A context, shape (B, 22), in deviations from the mean."""
        return ((context - self.mean) / self.deviation).clamp(-_FAR, _FAR)

    def logits(self, event_ids: Tensor, event_numbers: Tensor, context: Tensor) -> Logits:
        """The model's logits, before calibration."""
        logits: Logits = self.model(event_ids, event_numbers, self.standard(context))
        return logits

    def learn(self, event_ids: Tensor, event_numbers: Tensor, context: Tensor) -> tuple[Logits, Tensor]:
        """The logits, and the loss that the model has beside that of its heads: 0 for most."""
        if isinstance(self.model, HasOwnLoss):
            return self.model.learn(event_ids, event_numbers, self.standard(context))
        return self.logits(event_ids, event_numbers, context), torch.zeros((), device=context.device)

    def forward(self, event_ids: Tensor, event_numbers: Tensor, context: Tensor) -> tuple[Tensor, ...]:
        """Probabilities in the order of `HEADS`, from tensors in the shapes of `INPUTS`."""
        return self.probabilities(self.logits(event_ids, event_numbers, context))

    def probabilities(self, logits: Logits) -> tuple[Tensor, ...]:
        """Calibrated probabilities in the order of `HEADS`, from the model's logits."""
        return tuple(
            logit.sigmoid() if head.answers == "chance" else logit.softmax(-1)
            for head, logit in zip(HEADS, calibrated(logits, self.temperatures, self.biases), strict=True)
        )


def calibrated(logits: Logits, temperatures: Tensor, biases: Tensor) -> Logits:
    """The logits divided by one temperature for each head, shape (7,), plus a bias for each logit, shape (LOGITS,)."""
    added = split_logits(biases[None])
    parts = zip(logits, temperatures, added, strict=True)
    return Logits(*(logit / degree + bias for logit, degree, bias in parts))

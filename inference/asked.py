"""A model as it is exported: asked for what the live path reads, or for all that it can say."""

from typing import Protocol, runtime_checkable

import numpy as np
from torch import Tensor, nn

from inference import inputs
from inference.heads import HEADS
from inference.inputs import OUTPUTS, PUSHES
from inference.models.heads import Served
from inference.pushes import TellsAsItReads, pushes


@runtime_checkable
class Embeds(Protocol):
    """A model that also tells what a shopper is like, and how unlike all others."""

    latent_width: int

    def embedding(self, event_ids: Tensor, event_numbers: Tensor, context: Tensor) -> Tensor: ...
    def anomaly(self, event_ids: Tensor, event_numbers: Tensor, context: Tensor) -> Tensor: ...


class Asked(nn.Module):
    """A served model with a fixed list of outputs: those of `OUTPUTS`, and with `everything` all others behind them.

    Without it the pushes of a model that has them come last: they are the reasons of the live path. Everything is all
    heads in the order of `HEADS`, and `shopper_embedding` and `anomaly` of a model that has them.
    """

    def __init__(self, model: Served, *, everything: bool) -> None:
        """Nothing is copied: it answers as `model` does."""
        super().__init__()
        self.served = model.eval()
        self.everything = everything

    def declared(self) -> tuple[inputs.Tensor, ...]:
        """Name, type and shape of each output."""
        if not self.everything:
            return (*OUTPUTS, PUSHES) if isinstance(self.served.model, TellsAsItReads) else OUTPUTS
        found = tuple(inputs.Tensor(h.name, np.float32, () if h.width == 1 else (h.width,)) for h in HEADS)
        if isinstance(self.served.model, Embeds):
            width = self.served.model.latent_width
            found += (
                inputs.Tensor("shopper_embedding", np.float32, (width,)),
                inputs.Tensor("anomaly", np.float32, ()),
            )
        return found

    def forward(self, event_ids: Tensor, event_numbers: Tensor, context: Tensor) -> tuple[Tensor, ...]:
        """The outputs, from tensors in the shapes of `INPUTS`."""
        if not self.everything and isinstance(self.served.model, TellsAsItReads):
            states = self.served.model.states(event_ids, event_numbers)  # once, for answers and pushes
            standard = self.served.standard(context)
            told = self.served.probabilities(self.served.model.readout(states[:, -1], standard))
            return (*told[: len(OUTPUTS)], pushes(self.served, event_ids, states, standard))
        answers: tuple[Tensor, ...] = self.served(event_ids, event_numbers, context)
        if not self.everything:
            return answers[: len(OUTPUTS)]
        if not isinstance(self.served.model, Embeds):
            return answers
        seen = event_ids, event_numbers, self.served.standard(context)
        return (*answers, self.served.model.embedding(*seen), self.served.model.anomaly(*seen))

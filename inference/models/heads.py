"""What every model answers, before and after calibration."""

from typing import NamedTuple

from torch import Tensor, nn, tensor

from inference.inputs import OUTPUTS


class Logits(NamedTuple):
    """What a model answers in training. `purchase_24h` and `abandon_30m`: (B,); `next_action`: (B, 11)."""

    purchase_24h: Tensor
    abandon_30m: Tensor
    next_action: Tensor


class Calibrated(nn.Module):
    """A model as it is served: its logits divided by one temperature for each head, as probabilities."""

    temperatures: Tensor

    def __init__(self, model: nn.Module, temperatures: tuple[float, ...] = (1.0,) * len(OUTPUTS)) -> None:
        """`temperatures` in the order of `OUTPUTS`; above 1 they make a model less sure of itself."""
        super().__init__()
        self.model = model
        self.register_buffer("temperatures", tensor(temperatures))

    def forward(self, event_ids: Tensor, event_numbers: Tensor, context: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Probabilities in the order and shapes of `OUTPUTS`, from tensors in those of `INPUTS`."""
        logits: Logits = self.model(event_ids, event_numbers, context)
        purchase, abandon, action = (logit / degree for logit, degree in zip(logits, self.temperatures, strict=True))
        return purchase.sigmoid(), abandon.sigmoid(), action.softmax(-1)

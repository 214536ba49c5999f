"""What the recurrent models share: one layer over the events, read out at the newest.

None of them has biases, and padding comes in as zeros: so state that begins at zero stays exactly zero until the first
event, and how much padding there is cannot matter. Each event's own 1 takes the place of the biases.
"""

from torch import Tensor, nn

from inference.models.heads import Logits
from inference.models.steps import Readout, Steps, StepsConfig
from inference.models.tunable import Width


class RecurrentConfig(StepsConfig, frozen=True, kw_only=True):
    """`width`: of the state."""

    width: Width = 48


class Recurrent(nn.Module):
    """Steps, a recurrent layer without biases, and the readout. B = batch, T = steps of history, D = width."""

    def __init__(self, layer: type[nn.RNN | nn.GRU | nn.LSTM], config: RecurrentConfig | None = None) -> None:
        """Random weights, from torch's global seed."""
        super().__init__()
        config = config or RecurrentConfig()
        self.steps = Steps(config)
        self.layer = layer(config.step_width, config.width, bias=False, batch_first=True)
        self.readout = Readout(config.width, config)

    def forward(self, event_ids: Tensor, event_numbers: Tensor, context: Tensor) -> Logits:
        """Logits from ids, shape (B, T, 3), numbers, shape (B, T, 3), and context, shape (B, 22)."""
        logits: Logits = self.readout(self.states(event_ids, event_numbers)[:, -1], context)
        return logits

    def states(self, event_ids: Tensor, event_numbers: Tensor) -> Tensor:
        """What has been read up to each event, shape (B, T, D); zeros before the first."""
        read: Tensor = self.layer(self.steps(event_ids, event_numbers))[0]
        return read

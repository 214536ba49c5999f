"""An LSTM over the shopper's last events (Hochreiter and Schmidhuber 1997): what is served by default."""

import torch
from torch import nn

from inference.models.recurrent import Recurrent, RecurrentConfig


class Lstm(Recurrent):
    """One LSTM layer, read out at the newest event."""

    def __init__(self, config: RecurrentConfig | None = None) -> None:
        """Forget gates begin with remembering: an event's 1 opens them (Jozefowicz et al. 2015)."""
        config = config or RecurrentConfig()
        super().__init__(nn.LSTM, config)
        with torch.no_grad():
            self.layer.get_parameter("weight_ih_l0")[config.width : 2 * config.width, -1] = 1.0

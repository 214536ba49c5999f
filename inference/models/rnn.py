"""Elman's network over the shopper's last events: the smallest model with a memory, and the first to forget."""

from torch import nn

from inference.models.recurrent import Recurrent, RecurrentConfig


class Rnn(Recurrent):
    """A tanh layer, read out at the newest event (Elman, Finding Structure in Time, 1990)."""

    def __init__(self, config: RecurrentConfig | None = None) -> None:
        """The state starts as a memory: an identity keeps what was seen (Le et al. 2015)."""
        super().__init__(nn.RNN, config)
        nn.init.eye_(self.layer.get_parameter("weight_hh_l0"))

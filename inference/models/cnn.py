"""Dilated causal convolutions over the shopper's last events (NextItNet, Yuan et al. 2019)."""

import torch.nn.functional as nnf
from torch import Tensor, nn

from inference.models.heads import Logits
from inference.models.steps import Readout, Steps, StepsConfig
from inference.models.tunable import Width


class CnnConfig(StepsConfig, frozen=True, kw_only=True):
    """`dilations`: of one block each; with kernels of 3 the newest step sees 1 + 2 * sum(dilations) steps."""

    width: Width = 48
    dilations: tuple[Width, ...] = (1, 2, 4, 8, 16)


class Cnn(nn.Module):
    """Residual blocks whose sight doubles, read out at the newest event. B = batch, T = steps, D = width.

    Nothing before the first event can be told from padding: convolutions have no biases, and padding is zero before
    each of them.
    """

    def __init__(self, config: CnnConfig | None = None) -> None:
        """Random weights, from torch's global seed."""
        super().__init__()
        config = config or CnnConfig()
        self.steps = Steps(config)
        self.widen = nn.Linear(config.step_width, config.width, bias=False)
        self.blocks = nn.ModuleList(Block(config.width, dilation) for dilation in config.dilations)
        self.readout = Readout(config.width, config)

    def forward(self, event_ids: Tensor, event_numbers: Tensor, context: Tensor) -> Logits:
        """Logits from ids, shape (B, T, 3), numbers, shape (B, T, 3), and context, shape (B, 22)."""
        steps = self.steps(event_ids, event_numbers)  # (B, T, E)
        seen = steps[..., -1:]  # (B, T, 1)
        read = self.widen(steps)  # (B, T, D)
        for block in self.blocks:
            read = block(read, seen)
        logits: Logits = self.readout(read[:, -1], context)
        return logits


class Block(nn.Module):
    """Normalised, rectified, convolved with what came before, and added to what came in."""

    def __init__(self, width: int, dilation: int) -> None:
        """A kernel of three steps, `dilation` apart."""
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.before = 2 * dilation
        self.convolution = nn.Conv1d(width, width, kernel_size=3, dilation=dilation, bias=False)

    def forward(self, read: Tensor, seen: Tensor) -> Tensor:
        """Shape (B, T, D) from the same; `seen`, shape (B, T, 1), is 0 for padding, which a norm makes a number of."""
        ready = nnf.relu(self.norm(read)) * seen  # (B, T, D)
        earlier = nnf.pad(ready.transpose(1, 2), (self.before, 0))  # (B, D, T + before)
        convolved: Tensor = self.convolution(earlier).transpose(1, 2)  # (B, T, D)
        return read + convolved

"""Attention over the shopper's last events, with the time between them: pre-norm encoder layers (Vaswani et al. 2017).

It may learn from unlabelled logs first: `inference/pretrain.py`.
"""

from collections.abc import Sequence
from typing import ClassVar, Final

import torch
from torch import Tensor, nn

from inference.inputs import HISTORY_EVENTS
from inference.models.attention import NEVER, attended
from inference.models.heads import Logits
from inference.models.steps import Readout, Steps, StepsConfig
from inference.models.tunable import OneOf, Tunable, Width

AGE: Final = 2
"""Which of an event's numbers is the time from it to the question, on the scale of `inference/inputs.py`."""


class TransformerConfig(StepsConfig, frozen=True, kw_only=True):
    """`causal`: an event sees only those before it; else all see each other (all of them lie before the question)."""

    width: Width = 48
    heads: Width = 4
    layers: Width = 2
    causal: bool = False

    tunable: ClassVar[Tunable] = {**StepsConfig.tunable, "layers": OneOf((1, 2, 3))}

    def __post_init__(self) -> None:
        if self.width % self.heads:
            msg = f"expected a width that {self.heads} attention heads divide, got {self.width}; set width or heads"
            raise ValueError(msg)


class Transformer(nn.Module):
    """Encoder layers, read out at the newest event.

    B = batch, T = steps of history, D = width, H = attention heads.

    Two encodings of time: sines of the age of each event, with learned frequencies (Time2Vec, Kazemi et al. 2019), and
    an attention that fades with the gap between two events, at a rate that each head learns (as ALiBi, Press et al.
    2022, does with places). Places count from the newest event, so padding shifts nothing.
    """

    def __init__(self, config: TransformerConfig | None = None) -> None:
        """Random weights, from torch's global seed."""
        super().__init__()
        config = config or TransformerConfig()
        self.causal = config.causal
        self.steps = Steps(config)
        self.widen = nn.Linear(config.step_width, config.width)
        self.places = nn.Embedding(HISTORY_EVENTS, config.width)
        self.ages = nn.Linear(1, config.width)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)
        self.readout = Readout(config.width, config)
        nn.init.normal_(self.places.weight, std=0.05)

    def forward(self, event_ids: Tensor, event_numbers: Tensor, context: Tensor) -> Logits:
        """Logits from ids, shape (B, T, 3), numbers, shape (B, T, 3), and context, shape (B, 22)."""
        steps = self.widen(self.steps(event_ids, event_numbers))  # (B, T, D)
        read = self.encoded(steps, event_ids, event_numbers)  # (B, T, D)
        logits: Logits = self.readout(read[:, -1], context)
        return logits

    def encoded(self, steps: Tensor, event_ids: Tensor, event_numbers: Tensor) -> Tensor:
        """What each event means among the others, shape (B, T, D), from the widened steps, of the same shape."""
        seen = event_ids[..., 0] > 0  # (B, T)
        age = event_numbers[..., AGE]  # (B, T)
        places = torch.arange(event_ids.shape[1] - 1, -1, -1, device=event_ids.device)  # (T,)
        read = (steps + self.places(places) + torch.sin(self.ages(age[..., None] * 8))) * seen[..., None]
        gaps = (age[:, :, None] - age[:, None, :]).abs() * 8  # (B, T, T)
        for layer in self.layers:
            read = layer(read, gaps, self._hidden(seen))
        return self.norm(read)  # type: ignore[no-any-return]

    def below(self, last_layers: int) -> Sequence[nn.Module]:
        """What comes before the last so many layers: the embeddings, and all other layers."""
        return [self.steps, self.widen, self.places, self.ages, *self.layers[: len(self.layers) - last_layers]]

    def _hidden(self, seen: Tensor) -> Tensor:
        """What is added to attention, shape (B, 1, T or 1, T): padding hides, and what comes later where causal."""
        hidden = ~seen[:, None, None, :]  # (B, 1, 1, T)
        if self.causal:
            steps = torch.arange(seen.shape[1], device=seen.device)
            hidden = hidden | (steps[None, :] > steps[:, None])  # (B, 1, T, T)
        return hidden * NEVER


class Layer(nn.Module):
    """Attention, then a small network at each event; both add to what came in."""

    def __init__(self, config: TransformerConfig) -> None:
        """Gaps start to count a little, each head at another rate."""
        super().__init__()
        self.heads = config.heads
        self.before, self.between = nn.LayerNorm(config.width), nn.LayerNorm(config.width)
        self.asks = nn.Linear(config.width, 3 * config.width)
        self.tells = nn.Linear(config.width, config.width)
        self.fading = nn.Parameter(torch.linspace(-4.0, 0.0, config.heads))  # log of the rate
        inner = 2 * config.width
        self.network = nn.Sequential(nn.Linear(config.width, inner), nn.GELU(), nn.Linear(inner, config.width))
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, read: Tensor, gaps: Tensor, hidden: Tensor) -> Tensor:
        """Shape (B, T, D) from the same, the gaps between events, shape (B, T, T), and what hides them."""
        asks = self.asks(self.before(read)).unflatten(-1, (3 * self.heads, -1)).transpose(1, 2)  # (B, 3H, T, D / H)
        query, key, value = asks.chunk(3, dim=1)  # (B, H, T, D / H) each
        bias = hidden - self.fading.exp()[:, None, None] * gaps[:, None]  # (B, H, T, T)
        heard = attended(query, key, value, bias)  # (B, H, T, D / H)
        read = read + self.dropout(self.tells(heard.transpose(1, 2).flatten(2)))
        return read + self.dropout(self.network(self.between(read)))  # type: ignore[no-any-return]

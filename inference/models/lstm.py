"""An LSTM over the shopper's last events, beside a small network over their context; one head for each question."""

from typing import Final

import msgspec
import torch
from torch import Tensor, nn

from inference.inputs import ACTIONS, CATEGORY_BUCKETS, INPUTS, ITEM_BUCKETS, KINDS
from inference.models.heads import Logits

NUMBERS: Final = INPUTS[1].shape[1]
CONTEXT: Final = INPUTS[2].shape[0]


class LstmConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The sizes of the model, and what training hides from it.

    `dropout` is the share of what is read at each step and at the end; `items_hidden` the share of item ids: most items
    are seen a few times, and a model that may look at them learns the shoppers by heart.
    """

    kind_width: int = 8
    item_width: int = 4
    category_width: int = 8
    width: int = 48
    context_width: int = 48
    dropout: float = 0.1
    items_hidden: float = 0.7

    @property
    def step_width(self) -> int:
        """What the LSTM reads at each step: embeddings, numbers, "the newest event's item", and a 1: "an event"."""
        return self.kind_width + self.item_width + self.category_width + NUMBERS + 2


class Lstm(nn.Module):
    """One LSTM layer, read out at the newest event.

    B = batch, T = steps of history, E = step width, D = LSTM width, C = context width.

    The LSTM has no biases, and padding comes in as zeros: so state that begins at zero stays exactly zero until the
    first event, and how much padding there is cannot matter. Each event's own 1 takes the place of the biases.
    """

    def __init__(self, config: LstmConfig | None = None) -> None:
        """Random weights, from torch's global seed."""
        super().__init__()
        config = config or LstmConfig()
        self.items_hidden = config.items_hidden
        self.kinds = nn.Embedding(KINDS, config.kind_width)
        self.items = nn.Embedding(ITEM_BUCKETS, config.item_width)
        self.categories = nn.Embedding(CATEGORY_BUCKETS, config.category_width)
        self.dropout = nn.Dropout(config.dropout)
        self.lstm = nn.LSTM(config.step_width, config.width, bias=False, batch_first=True)
        self.context = nn.Sequential(nn.Linear(CONTEXT, config.context_width), nn.ReLU())
        joint = config.width + config.context_width
        self.readout = nn.Sequential(nn.Linear(joint, config.width), nn.ReLU(), nn.Dropout(config.dropout))
        self.heads = nn.Linear(config.width, 2 + ACTIONS)
        self._soften(config)

    def forward(self, event_ids: Tensor, event_numbers: Tensor, context: Tensor) -> Logits:
        """Logits from ids, shape (B, T, 3), numbers, shape (B, T, 3), and context, shape (B, 22)."""
        steps = self._steps(event_ids.int(), event_numbers)  # (B, T, E)
        _, (last, _) = self.lstm(steps)  # (1, B, D)
        joint = torch.cat([last[0], self.context(context)], dim=1)  # (B, D + C)
        logits = self.heads(self.readout(joint))  # (B, 13)
        return Logits(logits[:, 0], logits[:, 1], logits[:, 2:])

    def _steps(self, ids: Tensor, numbers: Tensor) -> Tensor:
        kind, item, category = ids.unbind(dim=-1)  # (B, T) each
        seen = (kind > 0).to(numbers.dtype)  # (B, T)
        again = ((item == item[:, -1:]) & (item > 0)).to(numbers.dtype)  # (B, T)
        if self.training:
            item = item * (torch.rand_like(seen) >= self.items_hidden)
        embedded = [self.kinds(kind), self.items(item), self.categories(category)]
        read = self.dropout(torch.cat([*embedded, numbers, again[..., None]], dim=-1))
        return torch.cat([read, seen[..., None]], dim=-1) * seen[..., None]  # (B, T, E)

    def _soften(self, config: LstmConfig) -> None:
        """Start with small embeddings, for most buckets are rare, and with forget gates that remember."""
        for table in (self.items, self.categories):
            nn.init.normal_(table.weight, std=0.05)
        with torch.no_grad():
            self.lstm.get_parameter("weight_ih_l0")[config.width : 2 * config.width, -1] = 1.0

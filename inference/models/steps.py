"""What every sequence model reads at each event, and how what it has read becomes answers."""

from typing import Annotated, ClassVar, Final

import msgspec
import torch
from torch import Tensor, nn

from inference.inputs import CATEGORY_BUCKETS, INPUTS, ITEM_BUCKETS, KINDS
from inference.models.heads import LOGITS, Logits, split_logits
from inference.models.tunable import OneOf, Share, Span, Tunable, Width

NUMBERS: Final = INPUTS[1].shape[1]
CONTEXT: Final = INPUTS[2].shape[0]


class StepsConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The sizes of the embeddings, and what training hides.

    `dropout` is the share of what is read at each step and at the end; `items_hidden` the share of item ids: most items
    are seen a few times, and a model that may look at them learns the shoppers by heart. `tunable`: what
    `kairos tune` tries.
    """

    kind_width: Width = 8
    item_width: Width = 4
    category_width: Width = 8
    context_width: Width = 48
    dropout: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.1
    items_hidden: Share = 0.7

    tunable: ClassVar[Tunable] = {
        "width": OneOf((16, 32, 48, 64, 96)),
        "dropout": Span(0.0, 0.4),
        "items_hidden": Span(0.3, 0.95),
    }

    @property
    def step_width(self) -> int:
        """What is read at each step: embeddings, numbers, "the newest event's item", and a 1: "an event"."""
        return self.kind_width + self.item_width + self.category_width + NUMBERS + 2


class Steps(nn.Module):
    """Each event as a vector. B = batch, T = steps of history, E = step width. Padding becomes zeros."""

    def __init__(self, config: StepsConfig) -> None:
        """Small embeddings, for most buckets are rare."""
        super().__init__()
        self.items_hidden = config.items_hidden
        self.kinds = nn.Embedding(KINDS, config.kind_width)
        self.items = nn.Embedding(ITEM_BUCKETS, config.item_width)
        self.categories = nn.Embedding(CATEGORY_BUCKETS, config.category_width)
        self.dropout = nn.Dropout(config.dropout)
        for table in (self.items, self.categories):
            nn.init.normal_(table.weight, std=0.05)

    def forward(self, event_ids: Tensor, event_numbers: Tensor) -> Tensor:
        """The steps, shape (B, T, E), from ids and numbers, shape (B, T, 3) each. The last of E is 1 for an event."""
        kind, item, category = event_ids.int().unbind(dim=-1)  # (B, T) each
        seen = (kind > 0).to(event_numbers.dtype)  # (B, T)
        again = ((item == item[:, -1:]) & (item > 0)).to(event_numbers.dtype)  # (B, T)
        if self.training:
            item = item * (torch.rand_like(seen) >= self.items_hidden)
        embedded = [self.kinds(kind), self.items(item), self.categories(category)]
        read = self.dropout(torch.cat([*embedded, event_numbers, again[..., None]], dim=-1))
        return torch.cat([read, seen[..., None]], dim=-1) * seen[..., None]  # (B, T, E)


class Readout(nn.Module):
    """From what was read of the history, and a small network over the context, to the logits of all heads.

    B = batch, D = width of what was read, C = context width.
    """

    def __init__(self, width: int, config: StepsConfig) -> None:
        """Random weights, from torch's global seed."""
        super().__init__()
        self.context = nn.Sequential(nn.Linear(CONTEXT, config.context_width), nn.ReLU())
        joint = width + config.context_width
        self.joint = nn.Sequential(nn.Linear(joint, width), nn.ReLU(), nn.Dropout(config.dropout))
        self.heads = nn.Linear(width, LOGITS)

    def forward(self, read: Tensor, context: Tensor) -> Logits:
        """Logits from what was read, shape (B, D), and context, shape (B, 22)."""
        return split_logits(self.heads(self.joint(torch.cat([read, self.context(context)], dim=1))))

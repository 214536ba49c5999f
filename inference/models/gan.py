"""A generator of shoppers and its critic: histories drawn event by event, for labels that are given.

The generator draws the numbers of the context, each told what was drawn before it (NADE, Larochelle & Murray 2011), and
then, from the newest event to the oldest, the fields of each event in the same way, with a GRU over the events
(Boulanger-Lewandowski et al. 2012). It learns twice at once, as TimeGAN does (Yoon et al. 2019): from the log's own
next step, and from a critic of whole examples that it drew itself (Goodfellow et al. 2014; conditional and recurrent:
Esteban et al. 2017). Draws are straight-through Gumbel-softmax (Jang et al. 2017); the critic has spectral
normalisation and the hinge loss (Miyato et al. 2018).
"""

from collections.abc import Sequence

import msgspec
import torch
import torch.nn.functional as nnf
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from inference.inputs import HISTORY_EVENTS
from inference.models.attention import NEVER


class GanConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Widths, and what is to be drawn: how many classes each field of an event has, each number, and the condition."""

    events: tuple[int, ...]
    numbers: tuple[int, ...]
    condition: int
    width: int = 96
    critic_width: int = 64


class Chain(nn.Module):
    """Classes one after another, each from what is known and from those before it. D = width, K = all classes."""

    def __init__(self, width: int, sizes: Sequence[int]) -> None:
        """Random weights, from torch's global seed."""
        super().__init__()
        self.sizes = list(sizes)
        self.asks = nn.ModuleList(nn.Linear(width, size) for size in sizes)
        self.tells = nn.ModuleList(nn.Linear(size, width, bias=False) for size in sizes)

    def forward(self, known: Tensor, classes: Tensor, one_hot: Tensor) -> Tensor:
        """Minus the log likelihood of each class in nats, shape (..., fields).

        `known`: (..., D). `classes`: (..., fields). `one_hot`: the same, (..., K).
        """
        losses, ones = [], torch.split(one_hot, self.sizes, -1)
        for ask, tell, field, one in zip(self.asks, self.tells, classes.unbind(-1), ones, strict=True):
            logits = ask(known.relu())
            losses.append(logits.logsumexp(-1) - logits.gather(-1, field[..., None])[..., 0])
            known = known + tell(one)
        return torch.stack(losses, dim=-1)

    def drawn(self, known: Tensor, never: Tensor | None = None) -> Tensor:
        """One draw of each, one-hot, with gradients as if it were soft, shape (B, K), from what is known, shape (B, D).

        `never`: what is added to the logits of the first.
        """
        ones: list[Tensor] = []
        for ask, tell in zip(self.asks, self.tells, strict=True):
            logits = ask(known.relu())
            logits = logits + never if never is not None and not ones else logits
            ones.append(nnf.gumbel_softmax(logits, hard=True))
            known = known + tell(ones[-1])
        return torch.cat(ones, dim=-1)


class Generator(nn.Module):
    """Histories and contexts for a condition. B = batch, T = steps of history, D = width, K = classes of an event."""

    def __init__(self, config: GanConfig) -> None:
        """Random weights, from torch's global seed."""
        super().__init__()
        self.config = config
        self.wishes = nn.Linear(config.condition, config.width)
        self.numbers = Chain(config.width, config.numbers)
        known = config.condition + sum(config.numbers)
        self.begins = nn.Sequential(nn.Linear(known, config.width), nn.ReLU(), nn.Linear(config.width, config.width))
        self.wants = nn.Linear(known, config.width)
        self.reads = nn.Linear(sum(config.events), config.width, bias=False)
        self.remembers = nn.GRU(config.width, config.width, batch_first=True)
        self.event = Chain(config.width, config.events)

    def forward(self, events: Tensor, numbers: Tensor, condition: Tensor) -> Tensor:
        """Minus the log likelihood of each example in nats, shape (B,).

        `events`: classes, the newest first, shape (B, T, fields). `numbers`: classes, shape (B, numbers). `condition`:
        shape (B, C).
        """
        counted = one_hot(numbers, self.config.numbers)
        known = torch.cat([condition, counted], dim=1)
        ones = one_hot(events, self.config.events)  # (B, T, K)
        read = self.reads(nnf.pad(ones[:, :-1], (0, 0, 1, 0)))  # (B, T, D): nothing, then each event but the oldest
        heard, _ = self.remembers(read, self.begins(known)[None])
        of_events = self.event(heard + self.wants(known)[:, None], events, ones)  # (B, T, fields)
        of_numbers = self.numbers(self.wishes(condition), numbers, counted)
        loss: Tensor = of_events.sum(dim=(1, 2)) + of_numbers.sum(dim=1)
        return loss

    def drawn(self, condition: Tensor) -> tuple[Tensor, Tensor]:
        """One example for each condition, one-hot: events, the newest first, shape (B, T, K), and numbers."""
        numbers = self.numbers.drawn(self.wishes(condition))
        known = torch.cat([condition, numbers], dim=1)
        state, wanted = self.begins(known)[None], self.wants(known)
        event = condition.new_zeros(len(condition), sum(self.config.events))
        events: list[Tensor] = []
        for _ in range(HISTORY_EVENTS):
            # No event comes after an empty place: it is where the history begins.
            over = event[:, :1].detach() * NEVER
            never = nnf.pad(over.expand(-1, self.config.events[0] - 1), (1, 0))
            heard, state = self.remembers(self.reads(event)[:, None], state)
            event = self.event.drawn(heard[:, 0] + wanted, never)
            events.append(event)
        return torch.stack(events, dim=1), numbers


class Critic(nn.Module):
    """How real an example looks, for its condition: convolutions over the events. B = batch, W = width."""

    def __init__(self, config: GanConfig) -> None:
        """Random weights, from torch's global seed."""
        super().__init__()
        width, kinds = config.critic_width, config.events[0]
        self.kinds = kinds
        self.reads = spectral_norm(nn.Conv1d(sum(config.events), width, 1))
        self.looks = nn.ModuleList(spectral_norm(nn.Conv1d(width, width, 5, stride=2, padding=2)) for _ in range(3))
        steps = HISTORY_EVENTS // 2**3
        self.counts = spectral_norm(nn.Linear(sum(config.numbers) + config.condition, width))
        self.joins = spectral_norm(nn.Linear((steps + 1) * width, width))
        self.says = spectral_norm(nn.Linear(width, 1))

    def forward(self, events: Tensor, numbers: Tensor, condition: Tensor) -> Tensor:
        """A score for each example, shape (B,), from one-hot events and numbers: above 0 is real."""
        events = torch.cat([events[..., : self.kinds], events[..., self.kinds :] * (1 - events[..., :1])], dim=-1)
        seen = self.reads(events.transpose(1, 2))  # (B, W, T)
        for look in self.looks:
            seen = look(nnf.leaky_relu(seen, 0.2))
        counted = self.counts(torch.cat([numbers, condition], dim=1))  # (B, W)
        joined = self.joins(nnf.leaky_relu(torch.cat([seen.flatten(1), counted], dim=1), 0.2))
        score: Tensor = self.says(nnf.leaky_relu(joined, 0.2))[:, 0]
        return score


def one_hot(classes: Tensor, sizes: Sequence[int]) -> Tensor:
    """Classes, shape (..., fields), as ones among zeros, shape (..., K)."""
    parts = [nnf.one_hot(field, size) for field, size in zip(classes.unbind(-1), sizes, strict=True)]
    return torch.cat(parts, dim=-1).float()


def classes_of(ones: Tensor, sizes: Sequence[int]) -> Tensor:
    """The classes, shape (..., fields), of ones among zeros, shape (..., K)."""
    return torch.stack([part.argmax(-1) for part in torch.split(ones, list(sizes), -1)], dim=-1)

"""Pre-training on unlabelled logs: some events of each history are hidden, and told from the others.

Masked-event modelling (BERT4Rec, Sun et al. 2019, after Devlin et al. 2019): of a hidden event its kind, its category
and its price are asked. What was learned stays in the encoder; `kairos train --start-from` goes on from it.
"""

import hashlib
import time
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import msgspec
import numpy as np
import torch
import torch.nn.functional as nnf
from torch import Tensor, nn

from inference.dataset import Examples, batches
from inference.inputs import CATEGORY_BUCKETS, KINDS
from inference.learned import Learned
from inference.machine import machine
from inference.models.transformer import Transformer
from inference.seeds import epoch_seed, reproducible
from inference.start import Start

PRICE: Final = 0
"""Which of an event's numbers is its price."""


class PretrainPlan(msgspec.Struct, frozen=True, kw_only=True):
    """How to pre-train. `hidden`: the share of events that are hidden."""

    seed: int = 0
    threads: int = 1
    device: str = "cpu"
    epochs: int = 3
    batch: int = 512
    learning_rate: float = 1e-3
    hidden: float = 0.2


class Told(NamedTuple):
    """How far pre-training is, and the mean loss of a hidden event in nats."""

    epoch: int
    epochs: int
    examples: int
    of: int
    loss: float


class Guesser(nn.Module):
    """A transformer that tells hidden events from the others. B = batch, T = steps of history, D = width."""

    def __init__(self, transformer: Transformer) -> None:
        """The transformer is what stays; the rest is thrown away afterwards."""
        super().__init__()
        self.transformer = transformer
        width = transformer.widen.out_features
        self.hidden = nn.Parameter(torch.randn(width) * 0.05)
        self.guesses = nn.Linear(width, KINDS + CATEGORY_BUCKETS + 1)

    def forward(self, event_ids: Tensor, event_numbers: Tensor, hidden: Tensor) -> Tensor:
        """The mean loss of the hidden events; `hidden`, shape (B, T), is true for them and false for padding."""
        steps = self.transformer.widen(self.transformer.steps(*_without(event_ids, event_numbers, hidden)))
        steps = torch.where(hidden[..., None], self.hidden, steps)  # (B, T, D)
        read = self.transformer.encoded(steps, event_ids, event_numbers)[hidden]  # (hidden events, D)
        kind, category, price = self.guesses(read).split([KINDS, CATEGORY_BUCKETS, 1], dim=1)
        ids = event_ids[hidden].long()
        loss = nnf.cross_entropy(kind, ids[:, 0]) + nnf.cross_entropy(category, ids[:, 2])
        return loss + nnf.mse_loss(price[:, 0], event_numbers[hidden][:, PRICE])


def _without(event_ids: Tensor, event_numbers: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
    """Ids and numbers with zeros for hidden events: a step must not see whether its item is one that is hidden."""
    return event_ids * ~hidden[..., None], event_numbers * ~hidden[..., None]


def pretrain(examples: Examples, plan: PretrainPlan, progress: Callable[[Told], None]) -> Start:
    """A transformer that knows what histories look like. The labels of the examples are not looked at."""
    begun_s, loss = time.monotonic(), float("nan")
    with reproducible(plan.seed, plan.threads):
        guesser = Guesser(Transformer()).to(plan.device)
        learned = Learned.of(examples, plan.device)
        optimizer = torch.optim.Adam(guesser.parameters(), lr=plan.learning_rate)
        for epoch in range(1, plan.epochs + 1):
            for done, loss in _pass(guesser, learned, optimizer, plan, epoch):
                progress(Told(epoch, plan.epochs, done, len(examples), loss))
    facts = {
        "plan": msgspec.to_builtins(plan),
        "examples": {"count": len(examples), "sha256": hashlib.sha256(examples.tobytes()).hexdigest()},
        "loss": loss,
        "hours": round((time.monotonic() - begun_s) / 3_600, 4),
        "machine": machine(plan.device),
    }
    weights = guesser.transformer.cpu().state_dict()
    return Start({name: tensor for name, tensor in weights.items() if not name.startswith("readout.")}, facts)


def _pass(
    guesser: Guesser, learned: Learned, optimizer: torch.optim.Optimizer, plan: PretrainPlan, epoch: int
) -> Iterator[tuple[int, float]]:
    """One epoch: after each batch, how many examples it has seen, and the loss."""
    seed, done = epoch_seed(plan.seed, epoch), 0
    torch.manual_seed(seed)
    guesser.train()
    for indexes in batches(len(learned.context), plan.batch, np.random.default_rng(seed)):
        part = learned.take(torch.from_numpy(indexes).to(plan.device))
        hidden = (part.event_ids[..., 0] > 0) & (torch.rand(part.event_ids.shape[:2], device=plan.device) < plan.hidden)
        done += len(indexes)
        if hidden.any():
            optimizer.zero_grad()
            loss = guesser(part.event_ids, part.event_numbers, hidden)
            loss.backward()
            optimizer.step()
            yield done, float(loss.detach())

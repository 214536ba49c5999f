"""A variational autoencoder of shoppers: what is typical of them in a few numbers, and how untypical each one is.

Encoder, reparameterisation and KL divergence are those of Kingma & Welling, Auto-Encoding Variational Bayes, ICLR 2014,
section 2.4 and appendix B. Numbers become tokens as in Gorishniy et al. 2021, and the events of a shopper are a bag, as
in Liang et al. 2018.
"""

from typing import ClassVar

import msgspec
import torch
from torch import Tensor, nn

from inference.inputs import KINDS
from inference.models.attention import NEVER, attended
from inference.models.heads import Logits
from inference.models.steps import CONTEXT, Readout, Steps, StepsConfig
from inference.models.tunable import OneOf, Tunable, Width


class VaeConfig(StepsConfig, frozen=True, kw_only=True):
    """`questions`: how many attentions over the features; `own_weight`: of the bound, beside the loss of the heads."""

    width: Width = 48
    questions: Width = 4
    latent: Width = 32
    own_weight: float = 0.01

    tunable: ClassVar[Tunable] = {**StepsConfig.tunable, "latent": OneOf((8, 16, 32))}


class Latent(msgspec.Struct, frozen=True):
    """A normal distribution for each shopper with independent numbers, shape (B, Z): means and log variances."""

    mean: Tensor
    log_variance: Tensor

    def drawn(self) -> Tensor:
        """One draw, through which gradients reach mean and variance: mean + deviation * noise."""
        noise = torch.randn_like(self.mean)
        return self.mean + (self.log_variance / 2).exp() * noise

    def divergence(self) -> Tensor:
        """KL from the standard normal in nats, shape (B,): -1/2 sum(1 + log s^2 - m^2 - s^2), their equation 10."""
        terms = 1 + self.log_variance - self.mean.square() - self.log_variance.exp()
        return -0.5 * terms.sum(dim=1)


class Vae(nn.Module):
    """Attention over features, a latent, and from there the heads and the features again.

    B = batch, T = steps of history, D = width, Q = questions, Z = latent width, C = context width.
    """

    def __init__(self, config: VaeConfig | None = None) -> None:
        """Random weights, from torch's global seed."""
        super().__init__()
        config = config or VaeConfig()
        self.own_weight, self.latent_width = config.own_weight, config.latent
        self.steps = Steps(config)
        self.events = nn.Linear(config.step_width, config.width)
        self.numbers = nn.Parameter(torch.randn(CONTEXT, config.width) * 0.3)
        self.names = nn.Parameter(torch.randn(CONTEXT, config.width) * 0.3)
        self.questions = nn.Parameter(torch.randn(config.questions, config.width) * 0.3)
        self.keys = nn.Linear(config.width, config.width)
        self.latent = nn.Linear(config.questions * config.width, 2 * config.latent)
        self.readout = Readout(config.latent, config)
        self.decoder = nn.Sequential(
            nn.Linear(config.latent, config.width), nn.ReLU(), nn.Linear(config.width, CONTEXT + KINDS)
        )

    def forward(self, event_ids: Tensor, event_numbers: Tensor, context: Tensor) -> Logits:
        """Logits from ids, shape (B, T, 3), numbers, shape (B, T, 3), and context, shape (B, 22)."""
        logits: Logits = self.readout(self.embedding(event_ids, event_numbers, context), context)
        return logits

    def embedding(self, event_ids: Tensor, event_numbers: Tensor, context: Tensor) -> Tensor:
        """The shopper in a few numbers: the mean of the latent, shape (B, Z)."""
        return self.encoded(event_ids, event_numbers, context).mean

    def anomaly(self, event_ids: Tensor, event_numbers: Tensor, context: Tensor) -> Tensor:
        """How badly the embedding tells what was seen of the shopper: the reconstruction error in nats, shape (B,)."""
        return self._error(self.embedding(event_ids, event_numbers, context), event_ids, context)

    def learn(self, event_ids: Tensor, event_numbers: Tensor, context: Tensor) -> tuple[Logits, Tensor]:
        """The logits of a draw, and the negative evidence lower bound, with its weight."""
        latent = self.encoded(event_ids, event_numbers, context)
        draw = latent.drawn()
        bound = self._error(draw, event_ids, context) + latent.divergence()
        return self.readout(draw, context), self.own_weight * bound.mean()

    def encoded(self, event_ids: Tensor, event_numbers: Tensor, context: Tensor) -> Latent:
        """The latent, from attention of each question over the events and the numbers of the context."""
        numbers = context[..., None] * self.numbers + self.names  # (B, C, D)
        tokens = torch.cat([self.events(self.steps(event_ids, event_numbers)), numbers], dim=1)  # (B, T + C, D)
        hidden = torch.cat([(event_ids[..., 0] == 0) * NEVER, torch.zeros_like(context)], dim=1)  # (B, T + C)
        heard = attended(self.questions, self.keys(tokens), tokens.relu(), hidden[:, None])  # (B, Q, D)
        return Latent(*self.latent(heard.flatten(1)).chunk(2, dim=1))

    def _error(self, latent: Tensor, event_ids: Tensor, context: Tensor) -> Tensor:
        """Minus the log likelihood, but for a constant: normal numbers of the context, and a bag of kinds of events."""
        numbers, kinds = self.decoder(latent).split([CONTEXT, KINDS], dim=1)
        kind = event_ids[..., 0].long()  # (B, T)
        events = kinds.log_softmax(dim=1).gather(1, kind) * (kind > 0)  # (B, T)
        error: Tensor = (context - numbers).square().sum(dim=1) / 2 - events.sum(dim=1)
        return error

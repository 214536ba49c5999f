"""Made-up examples: a generator learns what a log's examples look like, and draws others with labels like theirs.

They are for training only: they stand at the times of the examples that were learned from, and belong to nobody.
"""

import hashlib
import math
import time
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import torch
from torch import Tensor, nn

from inference.dataset import Examples, batches
from inference.heads import HEADS
from inference.inputs import Columns, Floats
from inference.machine import machine
from inference.models.gan import Critic, GanConfig, Generator, classes_of, one_hot
from inference.seeds import epoch_seed, reproducible
from inference.unfinished import Folder
from inference.vocabulary import Vocabulary

_DRAWN_AT_ONCE: Final = 4_096


class GanPlan(msgspec.Struct, frozen=True, kw_only=True):
    """How to learn. `alone`: the share of epochs before the critic joins, in which only next steps are learned.

    `critic_weight`: of what the critic says, beside the mean loss of a field in nats.
    """

    seed: int = 0
    threads: int = 1
    device: str = "cpu"
    epochs: int = 20
    alone: float = 0.7
    batch: int = 128
    learning_rate: float = 2e-3
    critic_weight: float = 0.1


class Learning(NamedTuple):
    """How far it is. `loss`: the mean of a field in nats. `critic`: its hinge loss, 2 where it knows nothing."""

    epoch: int
    epochs: int
    examples: int
    of: int
    loss: float
    critic: float | None


class Gan(NamedTuple):
    """A generator that has learned, what its classes mean, and how it came to be."""

    generator: Generator
    vocabulary: Vocabulary
    facts: dict[str, Any]


def learn(examples: Examples, plan: GanPlan, progress: Callable[[Learning], None], folder: Folder | None = None) -> Gan:
    """A generator of examples like these.

    The same examples and plan give the same one, also when it was stopped and went on from what `folder` kept after
    each epoch. Raises `ValueError` where the examples have no events.
    """
    identity = msgspec.to_builtins(plan) | {"examples": hashlib.sha256(examples.tobytes()).hexdigest()}
    vocabulary = Vocabulary.of(examples)
    with reproducible(plan.seed, plan.threads):
        run = _Run(examples, vocabulary, plan)
        run.go_on_from(folder.left(identity) if folder else None)
        for values in run.passes(progress):
            if folder:
                folder.keep(identity, run.state())
                folder.draw(run.epoch, values)
    facts = {
        "plan": msgspec.to_builtins(plan),
        "learned_from": {"count": len(examples), "sha256": identity["examples"]},
        "hours": round(run.seconds / 3_600, 4),
        "machine": machine(plan.device),
    }
    return Gan(run.generator.cpu().eval(), vocabulary, facts)


def synthetic(gan: Gan, like: Examples, count: int, seed: int) -> Examples:
    """So many made-up examples, those of earlier ones of `like` first.

    Labels and time of each are those of one of `like`, drawn at random; its events and its context are the generator's.
    """
    rng = np.random.default_rng(seed)
    labels = like[np.sort(rng.integers(len(like), size=count))]
    with reproducible(seed, gan.facts["plan"]["threads"]), torch.inference_mode():
        condition = torch.from_numpy(condition_of(labels))
        config = gan.generator.config
        drawn = [gan.generator.drawn(part) for part in torch.split(condition, _DRAWN_AT_ONCE)]
        events = torch.cat([classes_of(ones, config.events) for ones, _ in drawn])
        numbers = torch.cat([classes_of(ones, config.numbers) for _, ones in drawn])
    return gan.vocabulary.examples(events.numpy(), numbers.numpy(), labels, rng)


def condition_of(examples: Examples) -> Floats:
    """What an example is drawn for: each label as one of its answers or unknown, and the hour; shape (N, C)."""
    parts = []
    for head in HEADS:
        label, answers = examples[head.name].astype(np.float32), 2 if head.answers == "chance" else head.width
        known = ~np.isnan(label) & (label >= 0)
        answer = np.where(known, np.nan_to_num(label), answers).astype(np.int64)
        parts.append(np.eye(answers + 1, dtype=np.float32)[answer])
    hour = Columns(examples["history"], examples["asked_ms"], examples["context"]).tensors()["context"][:, -2:]
    return np.concatenate([*parts, hour], axis=1)


class _Run:
    """A learning between two epochs."""

    def __init__(self, examples: Examples, vocabulary: Vocabulary, plan: GanPlan) -> None:
        self.plan, device = plan, plan.device
        self.events = torch.from_numpy(vocabulary.events_of(examples)).to(device)
        self.numbers = torch.from_numpy(vocabulary.numbers_of(examples)).to(device)
        self.condition = torch.from_numpy(condition_of(examples)).to(device)
        events, numbers = vocabulary.sizes()
        self.config = GanConfig(events=events, numbers=numbers, condition=self.condition.shape[1])
        self.generator = Generator(self.config).to(device)
        self.critic = Critic(self.config).to(device)
        self.makes = torch.optim.Adam(self.generator.parameters(), plan.learning_rate)
        self.judges = torch.optim.Adam(self.critic.parameters(), plan.learning_rate / 2, betas=(0.5, 0.9))
        self.epoch, self.seconds = 0, 0.0

    @property
    def judged(self) -> bool:
        """Whether the critic has joined."""
        return self.epoch > round(self.plan.alone * self.plan.epochs)

    def passes(self, progress: Callable[[Learning], None]) -> Iterator[dict[str, float]]:
        """Learn, and yield what each epoch came to."""
        while self.epoch < self.plan.epochs:
            begun_s = time.monotonic()
            seen = np.array(list(self._pass(progress)), dtype=np.float64)
            self.seconds += time.monotonic() - begun_s
            names = ("loss/next_step", "loss/critic", "critic/real", "critic/generated")
            yield {name: value for name, value in zip(names, seen.mean(axis=0), strict=True) if not np.isnan(value)}

    def _pass(self, progress: Callable[[Learning], None]) -> Iterator[tuple[float, ...]]:
        self.epoch += 1
        seed, done, of = epoch_seed(self.plan.seed, self.epoch), 0, len(self.events)
        torch.manual_seed(seed)
        for group in self.makes.param_groups:
            group["lr"] = self.plan.learning_rate * (1 + math.cos(math.pi * (self.epoch - 1) / self.plan.epochs)) / 2
        for indexes in batches(of, self.plan.batch, np.random.default_rng(seed)):
            told = self._step(torch.from_numpy(indexes).to(self.plan.device))
            done += len(indexes)
            critic = told[1] if self.judged else None
            progress(Learning(self.epoch, self.plan.epochs, done, of, told[0], critic))
            yield told

    def _step(self, indexes: Tensor) -> tuple[float, ...]:
        """The generator's loss; with the critic, its loss, and its mean score of what is real and what is not."""
        events, numbers, condition = self.events[indexes], self.numbers[indexes], self.condition[indexes]
        fields = events.shape[1] * events.shape[2] + numbers.shape[1]
        loss = self.generator(events, numbers, condition).mean() / fields
        told, judged = (math.nan,) * 3, torch.zeros((), device=condition.device)
        if self.judged:
            made = self.generator.drawn(condition)
            real = one_hot(events, self.config.events), one_hot(numbers, self.config.numbers)
            told = self._criticise(real, made, condition)
            judged = self.plan.critic_weight * -self.critic(*made, condition).mean()
        self.makes.zero_grad()
        (loss + judged).backward()
        nn.utils.clip_grad_norm_(self.generator.parameters(), 1.0)
        self.makes.step()
        return float(loss.detach()), *told

    def _criticise(
        self, real: tuple[Tensor, Tensor], made: tuple[Tensor, Tensor], condition: Tensor
    ) -> tuple[float, float, float]:
        """One step of the critic; its loss, and its mean scores."""
        self.judges.zero_grad()
        of_real = self.critic(*real, condition)
        of_made = self.critic(*(part.detach() for part in made), condition)
        loss = (1 - of_real).relu().mean() + (1 + of_made).relu().mean()
        loss.backward()
        self.judges.step()
        return float(loss.detach()), float(of_real.detach().mean()), float(of_made.detach().mean())

    def state(self) -> dict[str, Any]:
        """All that the next epoch depends on, as torch can store it."""
        parts = {name: getattr(self, name).state_dict() for name in _PARTS}
        return {"epoch": self.epoch, "seconds": self.seconds, "parts": parts}

    def go_on_from(self, state: dict[str, Any] | None) -> None:
        """Stand where a state was taken; None: at the beginning."""
        if state is None:
            return
        self.epoch, self.seconds = state["epoch"], state["seconds"]
        for name, part in state["parts"].items():
            getattr(self, name).load_state_dict(part)


_PARTS: Final = ("generator", "critic", "makes", "judges")

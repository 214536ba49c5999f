"""Training: all heads at once, early stopping on the order of abandonment, then calibration."""

import hashlib
import time
from collections.abc import Callable, Iterator
from typing import Annotated, Any, ClassVar, NamedTuple

import msgspec
import numpy as np
import torch
from torch import Tensor, nn

from inference.calibrate import calibrate
from inference.checkpoint import Checkpoint, built
from inference.dataset import Examples, Split, batches
from inference.distil import Lessons, Teacher
from inference.evaluate import Numbers, Report, report
from inference.heads import HEADS
from inference.learned import Learned, answered, losses
from inference.machine import machine
from inference.models.heads import Served
from inference.models.tunable import OneOf, Span, Tunable
from inference.seeds import epoch_seed, reproducible
from inference.start import Start, begin
from inference.unfinished import Folder

Count = Annotated[int, msgspec.Meta(ge=1)]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How to train. `patience`: epochs without a better validation PR-AUC before it stops.

    `threads`: sums depend on how many add them up, so it is part of the plan, and not of the machine. `device`: as
    torch names it. `decay`: the factor of the learning rate from one epoch to the next. `weights`: of the losses, as in
    `HEADS`. `last_layers`: how many of the last layers of a pre-trained model go on learning; None for all.
    `sizes`: of the model, where they are not its defaults. `tunable`: what `kairos tune` tries, beside the sizes.
    """

    architecture: str = "lstm"
    seed: int = 0
    threads: Count = 1
    device: str = "cpu"
    epochs: Count = 20
    batch: Count = 512
    learning_rate: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1e-3
    decay: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.8
    patience: Count = 4
    weights: tuple[float, ...] = tuple(head.weight for head in HEADS)
    last_layers: int | None = None
    sizes: dict[str, Any] = {}

    tunable: ClassVar[Tunable] = {
        "batch": OneOf((128, 256, 512, 1024)),
        "learning_rate": Span(3e-4, 1e-2, log=True),
    }


class Progress(NamedTuple):
    """How far training is. `pr_auc`: on validation after the epoch before, None in the first."""

    epoch: int
    epochs: int
    examples: int
    of: int
    loss: float
    pr_auc: float | None


def train(
    split: Split,
    plan: Plan,
    progress: Callable[[Progress], None],
    folder: Folder | None = None,
    start: Start | Teacher | None = None,
) -> Checkpoint:
    """A trained and calibrated model: the epoch with the best PR-AUC of abandonment on validation.

    The same examples and plan give the same model, also when it was stopped and went on from what `folder` kept after
    each epoch. `start`: the pre-trained model it begins with, or the trained one that teaches it. Of a test part that
    is empty there is no report. Raises `ValueError` where validation does not hold both abandoned carts and others.
    """
    with reproducible(plan.seed, plan.threads):
        run = _Run(split, plan, start)
        identity = _identity(split, plan, start)
        run.go_on_from(folder.left(identity) if folder else None)
        for values in run.epochs(split, progress):
            if folder:
                folder.keep(identity, run.state())
                folder.draw(run.epoch, values)
        model = run.best_model()
        calibrate(model, Learned.of(split.validation))
        judging = {"validation": split.validation, "test": split.test}
        reports = {name: evaluate(model, part) for name, part in judging.items() if len(part)}
    facts = {
        "plan": msgspec.to_builtins(plan),
        "best_epoch": run.best_epoch,
        "examples": {name: len(part) for name, part in split._asdict().items()},
        "hours": round(run.seconds / 3_600, 4),
        "machine": machine(plan.device),
    }
    facts |= {"taught_by" if isinstance(start, Teacher) else "started_from": start.facts} if start else {}
    return Checkpoint(plan.architecture, model, facts | {"report": msgspec.to_builtins(reports)}, plan.sizes)


def evaluate(model: Served, examples: Examples) -> Report:
    """How good the model's answers to the examples are."""
    return report(answers(model, Learned.of(examples, model.temperatures.device.type)), examples)


def answers(model: Served, learned: Learned) -> dict[str, Numbers]:
    """The model's probabilities for each example, by name of the head."""
    return {head.name: column.cpu().numpy() for head, column in zip(HEADS, answered(model, learned), strict=True)}


def _identity(split: Split, plan: Plan, start: Start | Teacher | None) -> dict[str, Any]:
    learned = b"".join(hashlib.sha256(part.tobytes()).digest() for part in split[:2])
    told = {"examples": learned.hex(), "started_from": start.facts if start else None}
    return msgspec.to_builtins(plan) | told  # type: ignore[no-any-return]


class _Run:
    """A training between two epochs. `best`: PR-AUC, and for ties the negative log loss, on validation."""

    def __init__(self, split: Split, plan: Plan, start: Start | Teacher | None) -> None:
        self.plan = plan
        pretrained, teacher = (None, start) if isinstance(start, Teacher) else (start, None)
        self.model = begin(built(plan.architecture, plan.sizes), pretrained, plan.last_layers)
        self.learned = Learned.of(split.train, plan.device)
        self.model.to(plan.device).standardise(self.learned.context)
        self.lessons = Lessons(teacher, self.learned) if teacher else None
        learning = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.Adam(learning, lr=plan.learning_rate)
        self.schedule = torch.optim.lr_scheduler.ExponentialLR(self.optimizer, plan.decay)
        self.weights = torch.tensor(plan.weights, device=plan.device)
        self.epoch, self.best_epoch, self.best, self.seconds = 0, 0, (-1.0, 0.0), 0.0
        self.pr_auc: float | None = None
        self.best_weights = _copied(self.model)

    def epochs(self, split: Split, progress: Callable[[Progress], None]) -> Iterator[dict[str, float]]:
        """Train until it gets no better, and yield what each epoch came to."""
        while self.epoch < self.plan.epochs and self.epoch - self.best_epoch < self.plan.patience:
            begun_s = time.monotonic()
            loss = self._pass(progress)
            pr_auc, log_loss = _abandonment(self.model, split.validation)
            self.pr_auc = pr_auc
            if (pr_auc, -log_loss) > self.best:
                self.best, self.best_epoch, self.best_weights = (pr_auc, -log_loss), self.epoch, _copied(self.model)
            self.seconds += time.monotonic() - begun_s
            yield {"loss/train": loss, "abandon_30m/pr_auc": pr_auc, "abandon_30m/log_loss": log_loss}

    def _pass(self, progress: Callable[[Progress], None]) -> float:
        """One epoch; the mean loss of its batches."""
        self.epoch += 1
        seed, done, losses_seen = epoch_seed(self.plan.seed, self.epoch), 0, []
        torch.manual_seed(seed)
        self.model.train()
        for indexes in batches(len(self.learned.context), self.plan.batch, np.random.default_rng(seed)):
            losses_seen.append(self._step(torch.from_numpy(indexes).to(self.plan.device)))
            done += len(indexes)
            of = len(self.learned.context)
            progress(Progress(self.epoch, self.plan.epochs, done, of, losses_seen[-1], self.pr_auc))
        self.schedule.step()
        return sum(losses_seen) / len(losses_seen)

    def _step(self, indexes: Tensor) -> float:
        self.optimizer.zero_grad()
        learned = self.learned.take(indexes)
        logits, own = self.model.learn(*learned[:3])
        lost = losses(logits, learned)
        if self.lessons:
            lost = self.lessons.mixed(lost, logits, indexes)
        loss = lost @ self.weights + own
        loss.backward()  # type: ignore[no-untyped-call]  # torch has no types here
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        return float(loss.detach())

    def state(self) -> dict[str, Any]:
        """All that the next epoch depends on, as torch can store it."""
        told = {name: getattr(self, name) for name in ("epoch", "best_epoch", "best", "seconds", "pr_auc")}
        parts = {name: getattr(self, name).state_dict() for name in ("model", "optimizer", "schedule")}
        return {"told": told, "parts": parts, "best_weights": self.best_weights}

    def go_on_from(self, state: dict[str, Any] | None) -> None:
        """Stand where a state was taken; None: at the beginning."""
        if state is None:
            return
        for name, value in state["told"].items():
            setattr(self, name, value)
        for name, part in state["parts"].items():
            getattr(self, name).load_state_dict(part)
        self.best_weights = state["best_weights"]

    def best_model(self) -> Served:
        """The model of the best epoch, on the CPU."""
        self.model.load_state_dict(self.best_weights)
        return self.model.cpu()


def _copied(model: Served) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def _abandonment(model: Served, validation: Examples) -> tuple[float, float]:
    """PR-AUC and log loss."""
    quality = evaluate(model, validation).abandon_30m
    if quality is None or quality.pr_auc is None:
        msg = (
            f"expected abandoned carts and others among the {len(validation)} examples of validation, got only one "
            "of the two, or none; give a longer log"
        )
        raise ValueError(msg)
    return quality.pr_auc, quality.log_loss

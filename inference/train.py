"""Training: all heads at once, early stopping on the order of abandonment, then calibration."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple, Self

import msgspec
import numpy as np
import torch
import torch.nn.functional as nnf
from torch import Tensor, nn

from inference.checkpoint import MODELS, Checkpoint
from inference.dataset import Examples, Split, batches, inputs
from inference.evaluate import Numbers, Report, report
from inference.heads import HEADS
from inference.models.heads import Logits, Served, cooled

_ANSWER_BATCH: Final = 4096
_COLDEST, _HOTTEST = 0.05, 20.0


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How to train. `patience`: epochs without a better validation PR-AUC before it stops.

    `threads`: sums depend on how many add them up, so it is part of the plan, and not of the machine.

    `decay`: the factor of the learning rate from one epoch to the next. `weights`: of the losses, as in `HEADS`.
    """

    architecture: str = "lstm"
    seed: int = 0
    threads: int = 1
    epochs: int = 20
    batch: int = 512
    learning_rate: float = 1e-3
    decay: float = 0.8
    patience: int = 4
    weights: tuple[float, ...] = tuple(head.weight for head in HEADS)


class Progress(NamedTuple):
    """How far training is. `pr_auc`: on validation after the epoch before, None in the first."""

    epoch: int
    epochs: int
    examples: int
    of: int
    loss: float
    pr_auc: float | None


class Learned(NamedTuple):
    """Examples as torch sees them, the examples in front: the three inputs, and the labels in the order of `HEADS`."""

    event_ids: Tensor
    event_numbers: Tensor
    context: Tensor
    purchase_24h: Tensor
    abandon_30m: Tensor
    next_action: Tensor
    purchase_1h: Tensor
    purchase_session: Tensor
    churn_30d: Tensor
    next_event: Tensor

    @classmethod
    def of(cls, examples: Examples) -> Self:
        """The tensors of the examples."""
        dtypes = {"chance": np.float32, "choice": np.int64}
        labels = {head.name: examples[head.name].astype(dtypes[head.answers]) for head in HEADS}
        return cls(**{name: torch.from_numpy(array) for name, array in (inputs(examples) | labels).items()})

    def take(self, indexes: Tensor | slice) -> Self:
        """The examples at `indexes`."""
        return type(self)(*(column[indexes] for column in self))

    def parts(self) -> Iterator[Self]:
        """The examples in order, a few thousand at a time."""
        for start in range(0, len(self.context), _ANSWER_BATCH):
            yield self.take(slice(start, start + _ANSWER_BATCH))


def train(split: Split, plan: Plan, progress: Callable[[Progress], None]) -> Checkpoint:
    """A trained and calibrated model: the epoch with the best PR-AUC of abandonment on validation.

    The same examples and plan give the same model. Raises `ValueError` where validation does not hold both
    abandoned carts and others.
    """
    with _reproducible(plan):
        model = Served(MODELS[plan.architecture]())
        epoch = _fit(model, split, plan, progress)
        model.temperatures.copy_(_temperatures(model, Learned.of(split.validation)))
        reports = {"validation": evaluate(model, split.validation), "test": evaluate(model, split.test)}
    facts = {
        "plan": msgspec.to_builtins(plan),
        "best_epoch": epoch,
        "examples": {name: len(part) for name, part in split._asdict().items()},
    }
    return Checkpoint(plan.architecture, model, facts | {"report": msgspec.to_builtins(reports)})


def evaluate(model: Served, examples: Examples) -> Report:
    """How good the model's answers to the examples are."""
    return report(answers(model, Learned.of(examples)), examples)


def answers(model: Served, learned: Learned) -> dict[str, Numbers]:
    """The model's probabilities for each example, by output name."""
    model.eval()
    with torch.inference_mode():
        parts = [model(*part[:3]) for part in learned.parts()]
    columns = (torch.cat(column).numpy() for column in zip(*parts, strict=True))
    return dict(zip([head.name for head in HEADS], columns, strict=True))


def losses(logits: Logits, learned: Learned) -> Tensor:
    """The mean loss of each head over the examples whose label is known, shape (7,), in the order of `HEADS`.

    0 for a head none of whose labels is known: a log without them still trains the others.
    """
    asked = zip(HEADS, logits, learned[3:], strict=True)
    return torch.stack([_LOSSES[head.answers](logit, label) for head, logit, label in asked])


def _chance_loss(logit: Tensor, label: Tensor) -> Tensor:
    known = ~label.isnan()
    loss = nnf.binary_cross_entropy_with_logits(logit, label.nan_to_num(), weight=known.float(), reduction="sum")
    return loss / known.sum().clamp(min=1)


def _choice_loss(logits: Tensor, label: Tensor) -> Tensor:
    loss = nnf.cross_entropy(logits, label, ignore_index=-1, reduction="sum")
    return loss / (label >= 0).sum().clamp(min=1)


_LOSSES: Final = {"chance": _chance_loss, "choice": _choice_loss}


@contextmanager
def _reproducible(plan: Plan) -> Iterator[None]:
    """Torch's chance and threads as the plan says, and afterwards as they were."""
    threads = torch.get_num_threads()
    torch.set_num_threads(plan.threads)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(plan.seed)
            yield
    finally:
        torch.set_num_threads(threads)


def _fit(model: Served, split: Split, plan: Plan, progress: Callable[[Progress], None]) -> int:
    """Leave the best weights in the model; the epoch that had them, from 1."""
    best, best_epoch, weights = (-1.0, 0.0), 0, model.state_dict()
    for epoch, quality in enumerate(_epochs(model, split, plan, progress), start=1):
        if quality > best:
            best, best_epoch = quality, epoch
            weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        if epoch - best_epoch >= plan.patience:
            break
    model.load_state_dict(weights)
    return best_epoch


def _epochs(
    model: Served, split: Split, plan: Plan, progress: Callable[[Progress], None]
) -> Iterator[tuple[float, float]]:
    """Train, and yield how good each epoch is on validation: the PR-AUC, and for ties the negative log loss."""
    learned, rng, pr_auc = Learned.of(split.train), np.random.default_rng(plan.seed), None
    model.standardise(learned.context)
    optimizer = torch.optim.Adam(model.parameters(), lr=plan.learning_rate)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, plan.decay)
    weights = torch.tensor(plan.weights)
    for epoch in range(1, plan.epochs + 1):
        done = 0
        model.train()
        for indexes in batches(len(split.train), plan.batch, rng):
            loss = _step(model, optimizer, learned.take(torch.from_numpy(indexes)), weights)
            done += len(indexes)
            progress(Progress(epoch, plan.epochs, done, len(split.train), loss, pr_auc))
        schedule.step()
        pr_auc, log_loss = _abandonment(model, split.validation)
        yield pr_auc, -log_loss


def _step(model: Served, optimizer: torch.optim.Optimizer, learned: Learned, weights: Tensor) -> float:
    optimizer.zero_grad()
    logits, own = model.learn(*learned[:3])
    loss = losses(logits, learned) @ weights + own
    loss.backward()  # type: ignore[no-untyped-call]  # torch has no types here
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return float(loss.detach())


def _temperatures(model: Served, learned: Learned) -> Tensor:
    """The temperature of each head under which its answers on `learned` are most probable, shape (7,)."""
    logits = _logits(model, learned)
    logs = torch.zeros(len(HEADS), requires_grad=True)
    optimizer = torch.optim.LBFGS([logs], max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = losses(cooled(logits, logs.exp()), learned).sum()
        loss.backward()  # type: ignore[no-untyped-call]  # torch has no types here
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return logs.detach().exp().clamp(_COLDEST, _HOTTEST)


def _logits(model: Served, learned: Learned) -> Logits:
    model.eval()
    with torch.no_grad():
        parts = [model.logits(*part[:3]) for part in learned.parts()]
    return Logits(*map(torch.cat, zip(*parts, strict=True)))


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

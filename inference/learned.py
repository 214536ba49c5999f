"""Examples as torch sees them, and what each head loses on them."""

from collections.abc import Iterator
from typing import Final, NamedTuple, Self

import numpy as np
import torch
import torch.nn.functional as nnf
from torch import Tensor

from inference.dataset import Examples, inputs
from inference.heads import HEADS
from inference.models.heads import Logits, Served

_ANSWER_BATCH: Final = 4096


class Learned(NamedTuple):
    """Examples as tensors, the examples in front: the three inputs, and the labels in the order of `HEADS`."""

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
    def of(cls, examples: Examples, device: str = "cpu") -> Self:
        """The tensors of the examples, where the model is."""
        dtypes = {"chance": np.float32, "choice": np.int64}
        labels = {head.name: examples[head.name].astype(dtypes[head.answers]) for head in HEADS}
        arrays = inputs(examples) | labels
        return cls(**{name: torch.from_numpy(array).to(device) for name, array in arrays.items()})

    def take(self, indexes: Tensor | slice) -> Self:
        """The examples at `indexes`."""
        return type(self)(*(column[indexes] for column in self))

    def parts(self) -> Iterator[Self]:
        """The examples in order, a few thousand at a time."""
        for start in range(0, len(self.context), _ANSWER_BATCH):
            yield self.take(slice(start, start + _ANSWER_BATCH))


def answered(model: Served, learned: Learned) -> list[Tensor]:
    """The model's probabilities for each example, in the order of `HEADS`."""
    model.eval()
    with torch.no_grad():
        parts = [model(*part[:3]) for part in learned.parts()]
    return [torch.cat(column) for column in zip(*parts, strict=True)]


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

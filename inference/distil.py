"""Distillation: a small model learns what a large one answers, beside what came of it (Hinton et al. 2015)."""

import hashlib
from typing import Any, NamedTuple

import torch
import torch.nn.functional as nnf
from torch import Tensor

from inference.checkpoint import Checkpoint
from inference.learned import Learned, answered
from inference.models.heads import Logits


class Teacher(NamedTuple):
    """A trained model that another one learns from. `share`: how much its answers count, beside the labels."""

    checkpoint: Checkpoint
    share: float = 0.7

    @property
    def facts(self) -> dict[str, Any]:
        """Which model it is, as plain data."""
        weights = b"".join(tensor.cpu().numpy().tobytes() for tensor in self.checkpoint.model.state_dict().values())
        return {
            "architecture": self.checkpoint.architecture,
            "sizes": dict(self.checkpoint.sizes),
            "plan": self.checkpoint.facts.get("plan"),
            "share": self.share,
            "sha256": hashlib.sha256(weights).hexdigest(),
        }


class Lessons:
    """What a teacher answers to each example that is learned from."""

    def __init__(self, teacher: Teacher, learned: Learned) -> None:
        """Of a head none of whose labels is known the teacher has nothing to tell."""
        device = learned.context.device
        self._answers = [answer.to(device) for answer in answered(teacher.checkpoint.model.to(device), learned)]
        known = [(label >= 0).any() for label in learned[3:]]  # neither NaN nor -1
        self._share = torch.stack(known) * teacher.share
        teacher.checkpoint.model.cpu()

    def mixed(self, lost: Tensor, logits: Logits, indexes: Tensor) -> Tensor:
        """The loss of each head, shape (7,), from that on labels, and how far logits are from the teacher's answers."""
        told = zip(logits, self._answers, strict=True)
        apart = torch.stack([_apart(logit, answer[indexes]) for logit, answer in told])
        return torch.lerp(lost, apart, self._share)


def _apart(logit: Tensor, answer: Tensor) -> Tensor:
    """How far logits are from a teacher's probabilities: (B,) of a chance, (B, width) of a choice."""
    chance = logit.ndim == 1
    return nnf.binary_cross_entropy_with_logits(logit, answer) if chance else nnf.cross_entropy(logit, answer)

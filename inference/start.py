"""Beginning with a pre-trained model: its weights are taken over, and perhaps only its last layers go on learning."""

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from inference.models.heads import Served


class Start(NamedTuple):
    """A pre-trained model: its weights, by name in the bare model, and how it came to be."""

    weights: dict[str, Tensor]
    facts: dict[str, Any]


@runtime_checkable
class Layered(Protocol):
    """A model whose layers learn from unlabelled logs, the first nearest to the events."""

    def below(self, last_layers: int) -> Sequence[nn.Module]:
        """What comes before the last so many layers: the embeddings, and all other layers."""


def begin(model: Served, start: Start | None, last_layers: int | None) -> Served:
    """The model with the weights of `start`, and all below its last layers as it is for ever.

    Raises `ValueError` where the model cannot begin so.
    """
    if start is not None:
        own = model.model.state_dict()
        if not start.weights.keys() <= own.keys() or any(own[n].shape != w.shape for n, w in start.weights.items()):
            msg = "expected a pre-trained model of the same kind and size, got another; see kairos pretrain"
            raise ValueError(msg)
        model.model.load_state_dict(start.weights, strict=False)
    if last_layers is not None:
        if not isinstance(model.model, Layered):
            msg = f"expected a model that is fine-tuned by layers (transformer), got {type(model.model).__name__}"
            raise ValueError(msg)
        for part in model.model.below(last_layers):
            part.requires_grad_(requires_grad=False)
    return model


def write_start(path: Path, start: Start) -> None:
    """Write a pre-trained model to a file."""
    torch.save(start._asdict(), path)


def read_start(path: Path) -> Start:
    """The pre-trained model of a file. Raises `ValueError` on a file that holds none."""
    try:
        return Start(**torch.load(path, weights_only=True))
    except (OSError, pickle.UnpicklingError, TypeError, RuntimeError, EOFError) as error:
        reason = str(error).partition("\n")[0]
        msg = f"expected a pre-trained model at {path}, got: {reason}; make one with kairos pretrain LOG --out DIR"
        raise ValueError(msg) from error

"""A trained model on disk, with all that is needed to build it again and to know what it is."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import torch
from torch import nn

from inference.models.cnn import Cnn
from inference.models.gru import Gru
from inference.models.heads import LOGITS, Served
from inference.models.lstm import Lstm
from inference.models.rnn import Rnn
from inference.models.transformer import Transformer
from inference.models.vae import Vae

MODELS: Final[dict[str, Callable[[], nn.Module]]] = {
    "rnn": Rnn, "gru": Gru, "lstm": Lstm, "cnn": Cnn, "transformer": Transformer, "vae": Vae,
}  # fmt: skip
"""Every model that can be trained, by name. Being here is what puts a model under the contract tests."""


class Checkpoint(NamedTuple):
    """A trained model. `architecture` is its name in `MODELS`; `facts` is plain data: how it was trained, how good."""

    architecture: str
    model: Served
    facts: dict[str, Any]


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write the checkpoint to a file."""
    architecture, model, facts = checkpoint
    torch.save({"architecture": architecture, "facts": facts, "weights": model.state_dict()}, path)


def load_checkpoint(path: Path) -> Checkpoint:
    """The checkpoint of a file, ready to answer. Raises `ValueError` on a file that holds none."""
    try:
        stored = torch.load(path, weights_only=True)
        model = Served(MODELS[stored["architecture"]]())
        unbiased = {"biases": torch.zeros(LOGITS)}  # one from before there were biases answers as it did
        model.load_state_dict(unbiased | stored["weights"])
    except (OSError, pickle.UnpicklingError, KeyError, TypeError, RuntimeError, EOFError) as error:
        reason = str(error).partition("\n")[0]
        msg = (
            f"expected a checkpoint of this version at {path}, got: {reason}; make one with kairos train LOG --out DIR"
        )
        raise ValueError(msg) from error
    return Checkpoint(stored["architecture"], model.eval(), stored["facts"])

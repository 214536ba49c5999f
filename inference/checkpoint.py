"""A trained model on disk, with all that is needed to build it again and to know what it is."""

import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import msgspec
import torch
from torch import nn

from inference.models.cnn import Cnn, CnnConfig
from inference.models.gru import Gru
from inference.models.heads import LOGITS, Served
from inference.models.lstm import Lstm
from inference.models.recurrent import RecurrentConfig
from inference.models.rnn import Rnn
from inference.models.steps import StepsConfig
from inference.models.transformer import Transformer, TransformerConfig
from inference.models.vae import Vae, VaeConfig

MODELS: Final[dict[str, Callable[..., nn.Module]]] = {
    "rnn": Rnn, "gru": Gru, "lstm": Lstm, "cnn": Cnn, "transformer": Transformer, "vae": Vae,
}  # fmt: skip
"""Every model that can be trained, by name. Being here is what puts a model under the contract tests."""

CONFIGS: Final[dict[str, type[StepsConfig]]] = {
    "rnn": RecurrentConfig, "gru": RecurrentConfig, "lstm": RecurrentConfig,
    "cnn": CnnConfig, "transformer": TransformerConfig, "vae": VaeConfig,
}  # fmt: skip
"""The sizes of each model, with their defaults."""


class Checkpoint(NamedTuple):
    """A trained model. `architecture` is its name in `MODELS`; `facts` is plain data: how it was trained, how good.

    `sizes`: those of its configuration that are not the default.
    """

    architecture: str
    model: Served
    facts: dict[str, Any]
    sizes: Mapping[str, Any] = MappingProxyType({})


def built(architecture: str, sizes: Mapping[str, Any]) -> Served:
    """A model with random weights, from torch's global seed. Raises `ValueError` on sizes that it does not have."""
    try:
        config = msgspec.convert(dict(sizes), CONFIGS[architecture])
    except msgspec.ValidationError as error:
        msg = (
            f"expected sizes of the {architecture} ({', '.join(CONFIGS[architecture].__struct_fields__)}), got: {error}"
        )
        raise ValueError(msg) from None
    return Served(MODELS[architecture](config))


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write the checkpoint to a file."""
    stored = {"architecture": checkpoint.architecture, "sizes": dict(checkpoint.sizes), "facts": checkpoint.facts}
    torch.save(stored | {"weights": checkpoint.model.state_dict()}, path)


def load_checkpoint(path: Path) -> Checkpoint:
    """The checkpoint of a file, ready to answer. Raises `ValueError` on a file that holds none."""
    try:
        stored = torch.load(path, weights_only=True)
        sizes = stored.get("sizes", {})  # what was trained before sizes could be chosen has none
        model = built(stored["architecture"], sizes)
        unbiased = {"biases": torch.zeros(LOGITS)}  # one from before there were biases answers as it did
        model.load_state_dict(unbiased | stored["weights"])
    except (OSError, pickle.UnpicklingError, KeyError, TypeError, ValueError, RuntimeError, EOFError) as error:
        reason = str(error).partition("\n")[0]
        msg = (
            f"expected a checkpoint of this version at {path}, got: {reason}; make one with kairos train LOG --out DIR"
        )
        raise ValueError(msg) from error
    return Checkpoint(stored["architecture"], model.eval(), stored["facts"], sizes)

"""A training that is not over, in its folder: where it stands, so that it can go on, and its curves for TensorBoard."""

import pickle
from pathlib import Path
from typing import Any, Final, NamedTuple

import torch
from torch.utils.tensorboard import SummaryWriter

UNFINISHED_FILE: Final = "unfinished.pt"
CURVES_FOLDER: Final = "tensorboard"


class Folder(NamedTuple):
    """Where a training leaves what it knows after each epoch. `resume`: go on from what an earlier one left there."""

    path: Path
    resume: bool = False

    def left(self, identity: dict[str, Any]) -> dict[str, Any] | None:
        """What was left after the last whole epoch; None where it is not to go on, or nothing is there.

        `identity` says which training it is. Raises `ValueError` where another one left it.
        """
        path = self.path / UNFINISHED_FILE
        if not self.resume or not path.exists():
            return None
        try:
            found: dict[str, Any] = torch.load(path, weights_only=True)
            came = found["identity"]
        except (pickle.UnpicklingError, LookupError, OSError, TypeError, RuntimeError, EOFError) as error:
            msg = f"expected an unfinished training at {path}, got: {error}; train without --resume"
            raise ValueError(msg) from error
        apart = sorted(name for name in identity if came.get(name) != identity[name])
        if apart:
            msg = (
                f"expected the training that {path} was left by, got another: {', '.join(apart)} differ; "
                "give the same options and examples, or train without --resume"
            )
            raise ValueError(msg)
        return found

    def keep(self, identity: dict[str, Any], state: dict[str, Any]) -> None:
        """Leave a state, so that a crash at any moment leaves this one or the one before."""
        self.path.mkdir(parents=True, exist_ok=True)
        written = self.path / (UNFINISHED_FILE + ".new")
        torch.save(state | {"identity": identity}, written)
        written.replace(self.path / UNFINISHED_FILE)

    def draw(self, epoch: int, values: dict[str, float]) -> None:
        """Add an epoch to the curves."""
        with SummaryWriter(str(self.path / CURVES_FOLDER)) as curves:
            for name, value in values.items():
                curves.add_scalar(name, value, epoch)

    def finish(self) -> None:
        """Nothing is left to go on with."""
        (self.path / UNFINISHED_FILE).unlink(missing_ok=True)

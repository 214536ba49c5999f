"""Examples from elsewhere, which a model learns from beside those of its log; nothing is judged on them."""

import hashlib
from typing import Any, Final

import numpy as np

from inference.dataset import Examples, Split

NOBODY: Final = 0
"""The shopper of an example that was made up."""


def refuse_made_up(examples: Examples) -> None:
    """Raise `ValueError` where some were made up: a model would be judged on them."""
    count = int((examples["shopper"] == NOBODY).sum())
    if count:
        msg = (
            f"expected real examples, got {count} made-up ones among {len(examples)}, which say nothing of how good a "
            "model is; give the log they are like, and these by --add"
        )
        raise ValueError(msg)


def with_added(parts: Split, added: Examples) -> Split:
    """The parts, with `added` in the training part.

    Raises `ValueError` where some of `added` are later than the training part: they may know what comes after it.
    """
    last_ms = int(parts.train["at_ms"].max())
    late = int((added["at_ms"] > last_ms).sum())
    if late:
        msg = (
            f"expected examples to add of the time of the training part or before, got {late} of {len(added)} that are "
            "later, and may know what the model is judged on; make them up from the same log: kairos synthesise LOG"
        )
        raise ValueError(msg)
    return parts._replace(train=np.concatenate([parts.train, added]))


def added_facts(added: Examples) -> dict[str, Any]:
    """For a model's facts: how many were added, how many of them were made up, and their hash."""
    return {
        "count": len(added),
        "synthetic": int((added["shopper"] == NOBODY).sum()),
        "sha256": hashlib.sha256(added.tobytes()).hexdigest(),
    }

"""Examples as rows of a table, for what is no sequence model."""

import numpy as np
import numpy.typing as npt

from inference.dataset import Examples, inputs
from inference.inputs import ACTIONS


def rows(examples: Examples) -> npt.NDArray[np.float64]:
    """The context, how often each kind of event is in the history, and kind, price and age of the last three events.

    Shape (N, 22 + 11 + 9), each column as in `inference/inputs.py`; what is not there is NaN.
    """
    given = inputs(examples)
    kinds, numbers = given["event_ids"][..., 0], given["event_numbers"]
    often = np.stack([(kinds == kind).sum(axis=1) for kind in range(ACTIONS)], axis=1)
    last = np.concatenate([kinds[:, -3:, None], numbers[:, -3:, [0, 2]]], axis=2).astype(np.float64)
    last[kinds[:, -3:] == 0] = np.nan
    return np.column_stack([given["context"], often, last.reshape(len(last), -1)]).astype(np.float64)

"""Answers are believed only when they are what the tensor contract says."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.answers import Scores
from inference.client.failure import NoAnswerError
from inference.inputs import OUTPUTS, PUSHES, Tensor

_TOLERANCE = 1e-3
"""How far the probabilities of one choice may be from adding up to 1: float32, summed in another order."""


def checked(outputs: Mapping[str, npt.NDArray[Any]], count: int, where: str) -> list[Scores]:
    """The scores of the first `count` rows of a padded answer, with their pushes where the model gives some.

    Raises `NoAnswerError("wrong_answer")` on a missing tensor, on another shape than `OUTPUTS` declares, and on numbers
    that are no probabilities, or pushes that are not finite. `where` names the model in that sentence.
    """
    purchase, abandon, action = (_probabilities(outputs, tensor, count, where) for tensor in OUTPUTS)
    rows = zip(purchase.tolist(), abandon.tolist(), action.tolist(), _pushes(outputs, count, where), strict=True)
    return [Scores(bought, abandoned, tuple(kinds), pushes) for bought, abandoned, kinds, pushes in rows]


def _pushes(outputs: Mapping[str, npt.NDArray[Any]], count: int, where: str) -> list[bytes]:
    if PUSHES.name not in outputs:
        return [b""] * count
    values = _rows(outputs, PUSHES, count, where)
    if not np.all(np.isfinite(values)):
        raise _wrong(PUSHES, "numbers that are not finite", where)
    joined, size = values.tobytes(), PUSHES.shape[0] * values.itemsize
    return [joined[start : start + size] for start in range(0, len(joined), size)]


def _rows(
    outputs: Mapping[str, npt.NDArray[Any]], tensor: Tensor, count: int, where: str
) -> npt.NDArray[np.floating[Any]]:
    values = outputs.get(tensor.name)
    if values is None:
        raise _wrong(tensor, f"only {sorted(outputs)}", where)
    if values.dtype != tensor.dtype or values.shape[1:] != tensor.shape or len(values) < count:
        raise _wrong(tensor, f"{values.dtype} of shape {values.shape} for {count} requests", where)
    return values[:count]


def _probabilities(
    outputs: Mapping[str, npt.NDArray[Any]], tensor: Tensor, count: int, where: str
) -> npt.NDArray[np.floating[Any]]:
    values = _rows(outputs, tensor, count, where)
    if not np.all((values >= 0) & (values <= 1)):  # false for NaN too
        raise _wrong(tensor, f"numbers from {np.min(values)} to {np.max(values)}", where)
    if tensor.shape and not np.all(np.abs(values.sum(axis=-1) - 1) <= _TOLERANCE):
        raise _wrong(tensor, "rows that do not add up to 1", where)
    return values


def _wrong(tensor: Tensor, came: str, where: str) -> NoAnswerError:
    what = tensor.name if tensor is PUSHES else f"probabilities {tensor.name}"
    expected = f"expected {what}, {tensor.dtype.__name__} of shape {('batch', *tensor.shape)}"
    return NoAnswerError(
        "wrong_answer", f"{expected}, got {came} from {where}; export the model again (`kairos export`)"
    )

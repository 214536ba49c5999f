"""Fixed batch shapes: every call has one of a few sizes, so that each was warmed up before the first one counts."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.inputs import Request
from inference.repository import BATCH_SIZES

Tensors = Mapping[str, npt.NDArray[Any]]


def chunks(requests: Sequence[Request]) -> Iterator[Sequence[Request]]:
    """The requests of a round, in order, at most as many at once as the largest batch size.

    >>> [len(chunk) for chunk in chunks([Request(b"", 0, ())] * 2_500)]
    [1024, 1024, 452]
    """
    for start in range(0, len(requests), BATCH_SIZES[-1]):
        yield requests[start : start + BATCH_SIZES[-1]]


def padded_size(count: int) -> int:
    """The smallest batch size that holds `count` requests. Raises `ValueError` above the largest.

    >>> padded_size(1), padded_size(33), padded_size(1024)
    (1, 64, 1024)
    """
    if count > BATCH_SIZES[-1]:
        msg = f"expected at most {BATCH_SIZES[-1]} requests in a batch, got {count}; split them with `chunks`"
        raise ValueError(msg)
    return BATCH_SIZES[bisect_left(BATCH_SIZES, count)]


def padded(tensors: Tensors) -> dict[str, npt.NDArray[Any]]:
    """The tensors with zeros (a shopper without history) behind the last request, up to the next batch size."""
    return {name: _grown(tensor, padded_size(len(tensor))) for name, tensor in tensors.items()}


def _grown(tensor: npt.NDArray[Any], size: int) -> npt.NDArray[Any]:
    if len(tensor) == size:
        return tensor
    grown = np.zeros((size, *tensor.shape[1:]), dtype=tensor.dtype)
    grown[: len(tensor)] = tensor
    return grown

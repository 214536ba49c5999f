"""Attention, written out: torch's own does not become ONNX of the opset that Triton's servers read."""

from typing import Final

from torch import Tensor

NEVER: Final = -1e4
"""Added to an attention that must not be. Not minus infinity: a softmax over nothing but that is NaN."""


def attended(query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
    """What each query hears of the values, shape (..., Q, D): softmax(query key' / sqrt(D) + bias) value.

    `query`: shape (..., Q, D); `key` and `value`: (..., K, D); `bias`: broadcast to (..., Q, K).
    """
    likeness = query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5 + bias  # (..., Q, K)
    heard: Tensor = likeness.softmax(dim=-1) @ value
    return heard

"""A smaller model that answers as another does: what was lost and gained, and int8 weights."""

import tempfile
from pathlib import Path
from typing import Final

import onnx
from onnxruntime.quantization import quantize_dynamic
from onnxruntime.quantization.shape_inference import quant_pre_process

from inference.dataset import Examples
from inference.export import random_inputs
from inference.gate import Compression, kept
from inference.judge.contenders import onnx_answers
from inference.speed import BATCH, raced

_BEFORE, _AFTER = "before", "after"
_SEED: Final = 0


def int8(content: bytes) -> bytes:
    """An ONNX model with weights of eight bits. What goes through it is scaled to eight bits too, batch by batch.

    Dynamic quantisation (ONNX Runtime): nothing is calibrated beforehand.
    """
    with tempfile.TemporaryDirectory(prefix="kairos-int8-") as folder:
        prepared, smaller = Path(folder, "prepared.onnx"), Path(folder, "int8.onnx")
        quant_pre_process(
            onnx.load_from_string(content), str(prepared), skip_optimization=True, skip_symbolic_shape=True
        )
        quantize_dynamic(prepared, smaller)
        return smaller.read_bytes()


def compared(to: str, before: bytes, after: bytes, examples: Examples) -> Compression:
    """Two ONNX models side by side: their answers to the examples, and their speed on this machine."""
    took_s = raced({_BEFORE: before, _AFTER: after}, random_inputs(BATCH, _SEED))
    return Compression(
        to=to,
        heads=kept(onnx_answers(before, examples), onnx_answers(after, examples), examples),
        times_as_fast=took_s[_BEFORE] / took_s[_AFTER],
        bytes=(len(before), len(after)),
    )

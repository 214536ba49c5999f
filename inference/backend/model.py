"""The model of Triton's Python backend: ONNX Runtime on the CPU. Copied beside each `model.onnx` it serves.

It runs in a process of Triton's and imports nothing of Kairos: names and shapes come from Triton's configuration.
"""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# Triton's Python does not take PYTHONPATH, and its own helper needs numpy as soon as this file was read.
sys.path.extend(path for path in os.environ.get("KAIROS_SITE_PACKAGES", "").split(os.pathsep) if path)

import numpy as np
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as states

# What ONNX Runtime raises has no common base class.
_UNREADABLE = (states.InvalidProtobuf, states.InvalidGraph, states.NoSuchFile, states.NotImplemented, states.Fail)


class TritonPythonModel:
    """What Triton looks for in this file."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load the model of this version. Triton calls it once, before the warm-up."""
        import triton_python_backend_utils as triton  # noqa: PLC0415, exists in Triton's process only

        self._triton = triton
        model = json.loads(args["model_config"])
        self._inputs = [tensor["name"] for tensor in model["input"]]
        self._outputs = [tensor["name"] for tensor in model["output"]]
        path = Path(args["model_repository"], args["model_version"], "model.onnx")
        try:
            self._session = _session(path, int(model["parameters"]["threads"]["string_value"]))
        except _UNREADABLE as reason:
            raise triton.TritonModelException(f"expected an ONNX model at {path}, got {reason}") from None

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """One response for each request; requests that Triton hands over together (the warm-up) run as one batch."""
        asked = [[self._input(request, name) for name in self._inputs] for request in requests]
        feed = {name: _joined([tensors[place] for tensors in asked]) for place, name in enumerate(self._inputs)}
        answers = self._session.run(self._outputs, feed)
        ends = np.cumsum([len(tensors[0]) for tensors in asked])[:-1]
        parts = zip(*(np.split(answer, ends) for answer in answers), strict=True) if len(ends) else [answers]
        return [self._response(part) for part in parts]

    def _input(self, request: Any, name: str) -> Any:
        return self._triton.get_input_tensor_by_name(request, name).as_numpy()

    def _response(self, answers: Sequence[Any]) -> Any:
        tensors = [self._triton.Tensor(name, answer) for name, answer in zip(self._outputs, answers, strict=True)]
        return self._triton.InferenceResponse(output_tensors=tensors)


def _joined(tensors: list[Any]) -> Any:
    return tensors[0] if len(tensors) == 1 else np.concatenate(tensors)


def _session(path: Path, threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Threads that wait by spinning take the cores that the workers on the same machine need.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

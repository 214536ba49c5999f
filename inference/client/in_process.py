"""The same model file in this process: for replay, for tests, and where no Triton exists (macOS, Windows)."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as states

from inference.answers import Answer, Scores
from inference.client.batches import chunks, padded
from inference.client.checked import checked
from inference.client.failure import NoAnswerError
from inference.inputs import INPUTS, OUTPUTS, PUSHES, Request, tensors
from inference.repository import BATCH_SIZES, ONNX_FILE, versions
from schemas.decisions import Mode, Model

# What ONNX Runtime raises has no common base class.
_UNREADABLE = (states.InvalidProtobuf, states.InvalidGraph, states.NoSuchFile, states.NotImplemented, states.Fail)
_REFUSED = (states.InvalidArgument, states.RuntimeException, states.Fail, ValueError)
_OUTPUT_NAMES = [tensor.name for tensor in OUTPUTS]
_PUSHES = PUSHES.name


class InProcessScorer:
    """A `Scorer` without a deadline, which raises `NoAnswerError` when the model's numbers are wrong."""

    def __init__(
        self, repository: Path, name: str, version: int | None = None, threads: int = 1, mode: Mode = "model"
    ) -> None:
        """Load and warm up a model of a repository; None is the newest version. Takes some tenths of a second.

        Raises `inference.repository.ModelMissingError`, `ValueError` where the file is no model, and `NoAnswerError`
        where its tensors are not those of `inference/inputs.py`.
        """
        version = versions(repository, name)[-1] if version is None else version
        self._mode = mode
        self._model = Model(name=name, version=str(version))
        self._path = repository / name / str(version) / ONNX_FILE
        self._session = _session(self._path, threads)
        tells = any(tensor.name == _PUSHES for tensor in self._session.get_outputs())
        self._names = [*_OUTPUT_NAMES, _PUSHES] if tells else _OUTPUT_NAMES
        for size in BATCH_SIZES:
            self._run({tensor.name: np.zeros((size, *tensor.shape), tensor.dtype) for tensor in INPUTS})

    async def score(self, requests: Sequence[Request]) -> Answer:
        """The model's answer to all requests. It is computed in a thread, so that the event loop goes on."""
        return await asyncio.to_thread(self.score_now, requests)

    def score_now(self, requests: Sequence[Request]) -> Answer:
        """The same, for who has no event loop."""
        scores: list[Scores] = []
        for chunk in chunks(requests):
            scores += checked(self._run(padded(tensors(chunk))), len(chunk), str(self._path))
        return Answer(self._mode, self._model, scores)

    def _run(self, given: dict[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
        try:
            return dict(zip(self._names, self._session.run(self._names, given), strict=True))
        except _REFUSED as reason:
            msg = f"expected {self._path} to take and give the tensors of inference/inputs.py, got {reason}"
            raise NoAnswerError("refused", f"{msg}; export it again (`kairos export`)") from None


def _session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # the cores belong to others meanwhile
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except _UNREADABLE as reason:
        msg = f"expected an ONNX model at {path}, got {reason}; export it again (`kairos export`)"
        raise ValueError(msg) from None

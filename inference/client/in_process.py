"""The same model file in this process: for replay, for tests, and where no Triton exists (macOS, Windows)."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from inference.answers import Answer, Scores
from inference.client.batches import chunks, padded
from inference.client.checked import checked
from inference.client.failure import NoAnswerError
from inference.inputs import INPUTS, OUTPUTS, Request, tensors
from inference.repository import BATCH_SIZES, ONNX_FILE, versions
from schemas.decisions import Mode, Model

_OUTPUT_NAMES = [tensor.name for tensor in OUTPUTS]


class InProcessScorer:
    """A `Scorer` without a deadline, which raises `NoAnswerError` when the model's numbers are wrong."""

    def __init__(
        self, repository: Path, name: str, version: int | None = None, threads: int = 1, mode: Mode = "model"
    ) -> None:
        """Load and warm up a model of a repository; None is the newest version. Takes some tenths of a second.

        Raises `inference.repository.ModelMissingError`.
        """
        version = versions(repository, name)[-1] if version is None else version
        self._mode = mode
        self._model = Model(name=name, version=str(version))
        self._path = repository / name / str(version) / ONNX_FILE
        self._session = _session(self._path, threads)
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
            return dict(zip(_OUTPUT_NAMES, self._session.run(_OUTPUT_NAMES, given), strict=True))
        except (onnxruntime.capi.onnxruntime_pybind11_state.InvalidArgument, ValueError) as reason:
            raise NoAnswerError(
                "refused", f"expected a model with the tensors of inference/inputs.py, {reason}"
            ) from None


def _session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # the cores belong to others meanwhile
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

"""Asking a Triton server over gRPC: padded batches, a deadline for each call, retries within it, answers checked."""

import asyncio
import math
import random
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from tritonclient.grpc import InferInput, service_pb2
from tritonclient.grpc.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException, np_to_triton_dtype, triton_to_np_dtype

from inference.answers import Answer, Scores
from inference.client.batches import chunks, padded
from inference.client.checked import checked
from inference.client.failure import Failure, NoAnswerError
from inference.inputs import Request, tensors
from schemas.decisions import Mode, Model

_CHANNEL: Final = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # A server that is back is found within a second; gRPC's default backs off up to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # A server that vanished without a word: the connection is given up, and a new one is made.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 3_000),
]
_FAILURES: Final[dict[str, Failure]] = {
    "StatusCode.DEADLINE_EXCEEDED": "deadline",
    "StatusCode.CANCELLED": "unavailable",
    "StatusCode.UNAVAILABLE": "unavailable",
}
_FIRST_PAUSE_S: Final = 0.01


class TritonScorer:
    """A `Scorer` that raises `NoAnswerError`: put it on a `Ladder`.

    A round of more requests than the largest batch size is several calls, one after another, each with `deadline_ms`.
    What fails is tried again, with growing pauses, while the deadline lasts; a wrong answer is not. It belongs to the
    event loop of its first call.
    """

    def __init__(
        self,
        address: str,
        model: str,
        version: str = "",
        mode: Mode = "model",
        deadline_ms: float = 150.0,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`address` is host:port; an empty `version` is the newest. Nothing is connected before the first call.

        `jitter` gives numbers in [0, 1) that spread the retries of many workers.
        """
        self.retries = 0
        self._address, self._model, self._version, self._mode = address, model, version, mode
        self._deadline_s = deadline_ms / 1_000
        self._jitter = jitter
        self._client: InferenceServerClient | None = None

    async def score(self, requests: Sequence[Request]) -> Answer:
        """The model's answer to all requests, or `NoAnswerError`."""
        scores: list[Scores] = []
        versions = set()
        for chunk in chunks(requests):
            version, part = await self._call(chunk)
            scores += part
            versions.add(version)
        if len(versions) > 1:
            msg = f"expected one version of {self._model} for one round, got {sorted(versions)}: it is being replaced"
            raise NoAnswerError("wrong_answer", msg)
        return Answer(self._mode, Model(name=self._model, version="".join(versions)), scores)

    async def close(self) -> None:
        """Give the connection back."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def _call(self, requests: Sequence[Request]) -> tuple[str, list[Scores]]:
        """The version that answered one call, and the scores."""
        inputs = [_input(name, tensor) for name, tensor in padded(tensors(requests)).items()]
        response = await self._tried(inputs, until_s=time.monotonic() + self._deadline_s)
        scores = checked(_outputs(response), len(requests), f"{self._model} on Triton at {self._address}")
        return response.model_version, scores

    async def _tried(self, inputs: list[InferInput], until_s: float) -> Any:
        pause_s = _FIRST_PAUSE_S * (0.5 + self._jitter())
        while True:
            try:
                return await self._infer(inputs, until_s - time.monotonic())
            except InferenceServerException as reason:
                if time.monotonic() + pause_s >= until_s:
                    raise self._no_answer(reason) from None
            self.retries += 1
            await asyncio.sleep(pause_s)
            pause_s *= 1.5 + self._jitter()

    async def _infer(self, inputs: list[InferInput], timeout_s: float) -> Any:
        if self._client is None:
            self._client = InferenceServerClient(self._address, channel_args=_CHANNEL)
        answer = await self._client.infer(self._model, inputs, self._version, client_timeout=max(0.0, timeout_s))
        return answer.get_response()

    def _no_answer(self, reason: InferenceServerException) -> NoAnswerError:
        expected = f"expected an answer from {self._model} on Triton at {self._address} within {self._deadline_s:g} s"
        failure = _FAILURES.get(str(reason.status()), "refused")
        said = str(reason.message()).partition("\n")[0]
        return NoAnswerError(failure, f"{expected}, got {reason.status()}: {said}")


def _input(name: str, tensor: npt.NDArray[Any]) -> InferInput:
    given = InferInput(name, list(tensor.shape), np_to_triton_dtype(tensor.dtype.type))
    return given.set_data_from_numpy(tensor)


def _outputs(response: service_pb2.ModelInferResponse) -> dict[str, npt.NDArray[Any]]:
    """The tensors of a response. Not tritonclient's `as_numpy`: it repeats or cuts what does not fill its shape."""
    return {
        tensor.name: _array(tensor.datatype, tuple(tensor.shape), content)
        for tensor, content in zip(response.outputs, response.raw_output_contents, strict=False)
    }


def _array(datatype: str, shape: tuple[int, ...], content: bytes) -> npt.NDArray[Any]:
    dtype = np.dtype(triton_to_np_dtype(datatype))
    if dtype.hasobject or len(content) != math.prod(shape) * dtype.itemsize:
        msg = f"expected {shape} numbers of {datatype}, got {len(content)} bytes"
        raise NoAnswerError("wrong_answer", f"{msg}; export the model again (`kairos export`)")
    values = np.frombuffer(content, dtype=dtype).reshape(shape)
    return values[:, 0] if shape[1:] == (1,) else values  # one number for each request: see `config` of the repository

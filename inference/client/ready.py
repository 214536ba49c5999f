"""Waiting for a Triton server that was started elsewhere."""

import asyncio
import time
from typing import Final

from tritonclient.grpc.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException

_ASK_EVERY_S: Final = 0.1
_CALL_S: Final = 2.0


class NotReadyError(ConnectionError):
    """Triton, or the model on it, is not there. One line, with the fix."""


async def wait_ready(address: str, model: str, timeout_s: float) -> None:
    """Return once `model` answers on the Triton server at `address` (host:port); its warm-up is over then.

    Raises `NotReadyError`: at once when the server is ready and has no such model, else after `timeout_s`.
    """
    until_s = time.monotonic() + timeout_s
    async with InferenceServerClient(address) as client:
        while not await _ready(client, address, model):
            if time.monotonic() >= until_s:
                msg = f"Triton not ready: expected the model {model} at {address}, got no answer in {timeout_s:g} s"
                raise NotReadyError(f"{msg}; start it (`kairos triton`), or set KAIROS_TRITON to one that runs")
            await asyncio.sleep(_ASK_EVERY_S)


async def _ready(client: InferenceServerClient, address: str, model: str) -> bool:
    try:
        if await client.is_model_ready(model, client_timeout=_CALL_S):
            return True
        if not await client.is_server_ready(client_timeout=_CALL_S):
            return False
        served = await client.get_model_repository_index(client_timeout=_CALL_S)
    except InferenceServerException:
        return False
    found = sorted({entry.name for entry in served.models if entry.state == "READY"})
    msg = f"model missing: expected {model} on Triton at {address}, got {found}"
    raise NotReadyError(f"{msg}; make it with `kairos export`, start Triton on its folder, or set KAIROS_MODEL")

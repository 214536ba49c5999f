"""How fast each model answers: in this process, and through a real Triton."""

import logging
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import torch
from rich.table import Table
from tritonclient.grpc import InferenceServerClient, InferInput
from tritonclient.utils import np_to_triton_dtype

from inference.asked import Asked
from inference.checkpoint import MODELS, built
from inference.compress import int8
from inference.export import onnx_of, random_inputs
from inference.inputs import Tensor
from inference.machine import machine
from inference.repository import write_model
from inference.speed import BATCH, call_times_s, raced, session
from streams.embedded.triton import start_triton

BATCHES: Final = (1, 32, BATCH)
DISTILLED_WIDTH: Final = 16
MADE_FROM: Final = {f"lstm_{DISTILLED_WIDTH}_wide": "lstm", "transformer_int8": "transformer"}
"""Each compressed model, and the one that it is compared with."""
_CALL_S: Final = 30.0


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """Of one call with a batch."""

    p50_ms: float
    p99_ms: float
    calls: int


class Speed(msgspec.Struct, frozen=True, kw_only=True):
    """How fast a model answers in one place. `sequences_per_s`: of the largest batch. `batches`: by their size."""

    sequences_per_s: float
    batches: dict[int, Latency]


class ModelSpeed(msgspec.Struct, frozen=True, kw_only=True):
    """`bytes`: of the ONNX file. `times_as_fast`: as the model that it was made from; None of one made from none."""

    bytes: int
    in_process: Speed
    triton: Speed
    made_from: str | None = None
    times_as_fast: float | None = None


class InferenceSpeed(msgspec.Struct, frozen=True, kw_only=True):
    """All models, by name. `weights`: where they come from."""

    machine: str
    models: dict[str, ModelSpeed]
    threads: int = 1
    weights: str = "random"


class _Exported(NamedTuple):
    content: bytes
    outputs: tuple[Tensor, ...]


def inference_speed(tell: Callable[[str], None], for_s: float = 2.0) -> InferenceSpeed:
    """Measure all models, each batch size for about `for_s`. What is going on is told line by line.

    Raises `inference.server.TritonMissingError` or `streams.embedded.process.ServerError` where Triton does not run.
    """
    tell("exporting")
    models = _exported()
    in_process, triton = _in_process(models, for_s, tell), _through_triton(models, for_s, tell)
    times = {name: _times(models, name) for name in MADE_FROM}
    found = {
        name: ModelSpeed(
            bytes=len(model.content),
            in_process=in_process[name],
            triton=triton[name],
            made_from=MADE_FROM.get(name),
            times_as_fast=times.get(name),
        )
        for name, model in models.items()
    }
    return InferenceSpeed(machine=machine("cpu"), models=found)


def _exported() -> dict[str, _Exported]:
    for name in ("torch.onnx", "onnxscript"):  # they warn of packages and constants that make no difference here
        logging.getLogger(name).setLevel(logging.ERROR)
    torch.manual_seed(0)
    asked = {name: Asked(built(name, {}), everything=False) for name in MODELS}
    small, eighth = MADE_FROM
    asked[small] = Asked(built("lstm", {"width": DISTILLED_WIDTH}), everything=False)
    models = {name: _Exported(onnx_of(model), model.declared()) for name, model in asked.items()}
    return models | {eighth: models["transformer"]._replace(content=int8(models["transformer"].content))}


def _times(models: Mapping[str, _Exported], name: str) -> float:
    """How many times as fast as the model it was made from, the two taking turns."""
    pair = {one: models[one].content for one in (name, MADE_FROM[name])}
    took_s = raced(pair, random_inputs(BATCH, seed=0))
    return took_s[MADE_FROM[name]] / took_s[name]


def _in_process(models: Mapping[str, _Exported], for_s: float, tell: Callable[[str], None]) -> dict[str, Speed]:
    found = {}
    for name, model in models.items():
        tell(f"in this process: {name}")
        found[name] = _speed(session(model.content).run, for_s)
    return found


def _speed(run: Callable[[None, dict[str, Any]], object], for_s: float) -> Speed:
    batches = {}
    for size in BATCHES:
        inputs = random_inputs(size, seed=size)
        took_ms = call_times_s(lambda: run(None, inputs), for_s) * 1e3  # noqa: B023 called at once
        p50, p99 = np.percentile(took_ms, [50, 99])
        batches[size] = Latency(p50_ms=float(p50), p99_ms=float(p99), calls=len(took_ms))
    return Speed(sequences_per_s=BATCH / batches[BATCH].p50_ms * 1e3, batches=batches)


def _through_triton(models: Mapping[str, _Exported], for_s: float, tell: Callable[[str], None]) -> dict[str, Speed]:
    tell("starting Triton")
    found = {}
    with tempfile.TemporaryDirectory(prefix="kairos-speed-") as folder:
        for name, model in models.items():
            write_model(Path(folder), name, 1, model.content, model.outputs)
        with start_triton(Path(folder), threads=1) as server, InferenceServerClient(server.grpc_address) as client:
            for name in models:
                tell(f"through Triton: {name}")
                found[name] = _speed(lambda _, inputs: _ask(client, name, inputs), for_s)  # noqa: B023 called at once
    return found


def _ask(client: InferenceServerClient, name: str, inputs: dict[str, Any]) -> object:
    given = [InferInput(one, list(array.shape), np_to_triton_dtype(array.dtype)) for one, array in inputs.items()]
    for tensor, array in zip(given, inputs.values(), strict=True):
        tensor.set_data_from_numpy(array)
    return client.infer(name, given, client_timeout=_CALL_S)


def table(report: InferenceSpeed) -> Table:
    """One row for each model: latency is p50 / p99 in ms."""
    found = Table("model", "bytes", "times as fast", title="p50 / p99 in ms by batch; one thread, random weights")
    for place in ("in process", "Triton"):
        for title in (f"{place}: sequences/s", *map(str, BATCHES)):
            found.add_column(title, justify="right")
    for name, one in report.models.items():
        times = "" if one.times_as_fast is None else f"{one.times_as_fast:.2f} (of {one.made_from})"
        found.add_row(name, f"{one.bytes:,}", times, *_cells(one.in_process), *_cells(one.triton))
    return found


def _cells(speed: Speed) -> list[str]:
    latencies = (f"{one.p50_ms:.2f} / {one.p99_ms:.2f}" for one in speed.batches.values())
    return [f"{speed.sequences_per_s:,.0f}", *latencies]

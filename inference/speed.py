"""How fast a model answers in this process: ONNX Runtime, one thread."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnxruntime

BATCH: Final = 1_024
_ROUNDS: Final = 11
_FEWEST_CALLS: Final = 10


def session(content: bytes) -> onnxruntime.InferenceSession:
    """An ONNX model, ready to answer with one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def raced(contents: Mapping[str, bytes], inputs: dict[str, Any], rounds: int = _ROUNDS) -> dict[str, float]:
    """The median time of a call of each model, s of the CPU: with one thread, that of the clock on an idle machine.

    They take turns, so that a machine which is slower for a while is slower for all. The first turn does not count.
    """
    runners = {name: session(content) for name, content in contents.items()}
    took: dict[str, list[float]] = {name: [] for name in runners}
    for _ in range(rounds + 1):
        for name, runner in runners.items():
            began_s = time.thread_time()
            runner.run(None, inputs)
            took[name].append(time.thread_time() - began_s)
    return {name: float(np.median(times[1:])) for name, times in took.items()}


def call_times_s(ask: Callable[[], object], for_s: float) -> npt.NDArray[np.float64]:
    """How long each call took, over about `for_s`, and at least ten of them; the first does not count."""
    ask()
    took: list[float] = []
    while len(took) < _FEWEST_CALLS or sum(took) < for_s:
        began_s = time.perf_counter()
        ask()
        took.append(time.perf_counter() - began_s)
    return np.array(took)

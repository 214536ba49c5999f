"""A real Triton server with small models whose answers are known, for the tests that ask one."""

from collections.abc import Callable, Iterator
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from inference.inputs import INPUTS, OUTPUTS
from inference.repository import write_model
from streams.embedded.triton import EmbeddedTriton, start_triton

Build = Callable[..., bytes]
collect_ignore = ["transport_worker.py"]  # a program: it reads its arguments when it is imported


@pytest.fixture(scope="session")
def onnx_model() -> Build:
    """Makes a model of the tensor contract: each head is a sigmoid or a softmax of the mean of one input.

    `scale` multiplies what goes into the heads (NaN makes all answers NaN). `actions` is the width of `next_action`.
    `wide` gives a number for each context number where `abandon_30m` should be one.
    """

    def build(scale: float = 1.0, actions: int = OUTPUTS[2].shape[0], wide: bool = False) -> bytes:
        nodes = [
            helper.make_node("Cast", ["event_ids"], ["ids"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMean", ["event_numbers", "last_two"], ["numbers"], keepdims=0),
            helper.make_node("ReduceMean", ["context", "last"], ["about"], keepdims=0),
            helper.make_node("ReduceMean", ["ids", "last_two"], ["seen"], keepdims=1),
            helper.make_node("Mul", ["numbers", "scale"], ["scaled_numbers"]),
            helper.make_node("Mul", ["context" if wide else "about", "scale"], ["scaled_about"]),
            helper.make_node("Squeeze", ["seen", "last"], ["flat"]),
            helper.make_node("Mul", ["flat", "weights"], ["scaled_seen"]),
            helper.make_node("Sigmoid", ["scaled_numbers"], ["purchase_24h"]),
            helper.make_node("Sigmoid", ["scaled_about"], ["abandon_30m"]),
            helper.make_node("Softmax", ["scaled_seen"], ["next_action"], axis=-1),
        ]
        constants = [
            helper.make_tensor("scale", TensorProto.FLOAT, [], [scale]),
            helper.make_tensor("weights", TensorProto.FLOAT, [actions], [scale * i / 1e3 for i in range(actions)]),
            helper.make_tensor("last", TensorProto.INT64, [1], [-1]),
            helper.make_tensor("last_two", TensorProto.INT64, [2], [-2, -1]),
        ]
        types = {"int16": TensorProto.INT16, "float32": TensorProto.FLOAT}
        inputs = [
            helper.make_tensor_value_info(tensor.name, types[tensor.dtype.__name__], ["batch", *tensor.shape])
            for tensor in INPUTS
        ]
        outputs = [
            helper.make_tensor_value_info("purchase_24h", TensorProto.FLOAT, ["batch"]),
            helper.make_tensor_value_info(
                "abandon_30m", TensorProto.FLOAT, ["batch", *(INPUTS[2].shape if wide else ())]
            ),
            helper.make_tensor_value_info("next_action", TensorProto.FLOAT, ["batch", actions]),
        ]
        graph = helper.make_graph(nodes, "tiny", inputs, outputs, constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
        onnx.checker.check_model(model, full_check=True)
        return model.SerializeToString()

    return build


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory, onnx_model: Build) -> Path:
    """A model repository: `tiny` in two versions, and three models whose answers are wrong."""
    repository = tmp_path_factory.mktemp("models")
    write_model(repository, "tiny", 1, onnx_model(scale=2.0))
    write_model(repository, "tiny", 2, onnx_model())
    write_model(repository, "nan", 1, onnx_model(scale=float("nan")))
    write_model(repository, "narrow", 1, onnx_model(actions=5))
    write_model(repository, "wide", 1, onnx_model(wide=True))
    return repository


@pytest.fixture(scope="session")
def triton(models: Path) -> Iterator[EmbeddedTriton]:
    """A Triton server that serves `models` until the session ends: tests that stop one start their own."""
    with start_triton(models) as server:
        yield server

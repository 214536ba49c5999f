"""One model file serves three places, and what surrounds it follows from the tensor contract."""

from pathlib import Path

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from inference.inputs import INPUTS, OUTPUTS
from inference.repository import BATCH_SIZES, ModelMissingError, config, embed, names, versions, write_model


def test_a_model_is_written_as_triton_wants_it(tmp_path: Path) -> None:
    path = write_model(tmp_path, "shopper", 3, b"onnx")

    assert path == tmp_path / "shopper" / "3" / "model.onnx"
    assert path.read_bytes() == b"onnx"
    assert (tmp_path / "shopper" / "config.pbtxt").read_text() == config("shopper", "onnxruntime")


def test_a_model_may_come_from_a_file(tmp_path: Path) -> None:
    exported = tmp_path / "exported.onnx"
    exported.write_bytes(b"onnx")

    assert write_model(tmp_path / "models", "shopper", 1, exported).read_bytes() == b"onnx"


def test_the_configuration_names_every_tensor_and_warms_up_every_batch_size() -> None:
    text = config("shopper", "onnxruntime")

    for tensor in (*INPUTS, *OUTPUTS):
        assert f'name: "{tensor.name}"' in text
    for size in BATCH_SIZES:
        assert f"batch_size: {size}\n" in text
    assert 'name: "event_ids", data_type: TYPE_INT16, dims: [32, 3]' in text
    assert 'name: "abandon_30m", data_type: TYPE_FP32, dims: [ 1 ], reshape: { shape: [ ] }' in text


@pytest.mark.parametrize("backend", ["onnxruntime", "python"])
def test_triton_can_read_the_configuration(backend: str) -> None:
    read = text_format.Parse(config("shopper", backend), model_config_pb2.ModelConfig())

    assert read.backend == backend
    assert [tuple(tensor.dims) for tensor in read.input] == [tensor.shape for tensor in INPUTS]
    assert [warm_up.batch_size for warm_up in read.model_warmup] == list(BATCH_SIZES)
    assert read.max_batch_size == BATCH_SIZES[-1]


def test_versions_are_numbers_oldest_first(tmp_path: Path) -> None:
    for version in (10, 9, 2):
        write_model(tmp_path, "shopper", version, b"onnx")

    assert versions(tmp_path, "shopper") == [2, 9, 10]
    assert names(tmp_path) == ["shopper"]


def test_the_embedded_repository_has_the_same_models_for_the_python_backend(tmp_path: Path) -> None:
    write_model(tmp_path / "models", "shopper", 1, b"old")
    write_model(tmp_path / "models", "shopper", 2, b"new")

    assert embed(tmp_path / "models", tmp_path / "embedded", threads=3) == ["shopper"]

    folder = tmp_path / "embedded" / "shopper"
    assert [(folder / version / "model.onnx").read_bytes() for version in ("1", "2")] == [b"old", b"new"]
    assert "class TritonPythonModel" in (folder / "2" / "model.py").read_text()
    assert 'backend: "python"' in (folder / "config.pbtxt").read_text()
    assert 'key: "threads" value { string_value: "3" }' in (folder / "config.pbtxt").read_text()


def test_a_missing_model_is_named_with_the_fix(tmp_path: Path) -> None:
    with pytest.raises(
        ModelMissingError, match=r"model missing: expected .*/shopper/<version>/model.onnx.*kairos export"
    ):
        versions(tmp_path, "shopper")
    with pytest.raises(ModelMissingError, match="model missing"):
        names(tmp_path / "nowhere")

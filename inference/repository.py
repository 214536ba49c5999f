"""A Triton model repository: `<name>/config.pbtxt` and `<name>/<version>/model.onnx`. One artefact, three places.

A GPU server runs it as it is, with Triton's onnxruntime backend. The embedded CPU server has a Python backend only, and
gets a repository made from it. ONNX Runtime in this process reads `model.onnx` itself.
"""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from tritonclient.utils import np_to_triton_dtype

from inference.inputs import INPUTS, OUTPUTS, Tensor

BATCH_SIZES: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
"""What a client may send at once. Each is warmed up before the model is ready; padding costs less than twice."""

ONNX_FILE: Final = "model.onnx"
CONFIG_FILE: Final = "config.pbtxt"
_ONNX_BACKEND, _PYTHON_BACKEND = 'backend: "onnxruntime"', 'backend: "python"'
_NAME: Final = re.compile(r'\{ name: "(\w+)"')
_BACKEND: Final = Path(__file__).parent / "backend" / "model.py"


class ModelMissingError(FileNotFoundError):
    """No model where one was expected. The text names the fix."""


def write_model(
    repository: Path, name: str, version: int, onnx: Path | bytes, outputs: Sequence[Tensor] = OUTPUTS
) -> Path:
    """Put a model into a repository, and write its configuration. Returns the path of its `model.onnx`.

    A version that is there already is replaced. Raises `ValueError` where another version has other outputs.
    """
    path = repository / name / str(version) / ONNX_FILE
    _agrees(repository / name, version, outputs)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(onnx if isinstance(onnx, bytes) else onnx.read_bytes())
    (repository / name / CONFIG_FILE).write_text(config(name, "onnxruntime", outputs))
    return path


def _agrees(folder: Path, version: int, outputs: Sequence[Tensor]) -> None:
    """Raise `ValueError` where other versions in the folder answer other tensors: all share one configuration."""
    others = [path.parent.name for path in folder.glob(f"[0-9]*/{ONNX_FILE}") if path.parent.name != str(version)]
    if not others or not (folder / CONFIG_FILE).exists():
        return
    _, _, told = (folder / CONFIG_FILE).read_text().partition("\noutput [")
    came, had = [tensor.name for tensor in outputs], _NAME.findall(told)
    if came != had:
        msg = (
            f"expected a model that answers {had}, as versions {sorted(others)} in {folder} do, got {came}: "
            "Triton has one configuration for all versions; choose another --name"
        )
        raise ValueError(msg)


def config(name: str, backend: str, outputs: Sequence[Tensor] = OUTPUTS) -> str:
    """The text of a `config.pbtxt`: the tensor contract, the two last versions, warm-up of every batch size.

    No dynamic batching: a round is one batch already, and merging would make shapes that were not warmed up.
    """
    given = ",\n".join(f"  {{ {_tensor(tensor)} }}" for tensor in INPUTS)
    answered = ",\n".join(f"  {{ {_tensor(tensor)} }}" for tensor in outputs)
    return (
        "# Written by inference/repository.py from inference/inputs.py.\n"
        f'name: "{name}"\nbackend: "{backend}"\nmax_batch_size: {BATCH_SIZES[-1]}\n'
        f"input [\n{given}\n]\noutput [\n{answered}\n]\n"
        "version_policy { latest { num_versions: 2 } }\n"
        f"{''.join(map(_warm_up, BATCH_SIZES))}"
    )


def versions(repository: Path, name: str) -> list[int]:
    """The versions of a model, oldest first. Raises `ModelMissingError` where there is none."""
    found = sorted(int(path.parent.name) for path in repository.glob(f"{name}/[0-9]*/{ONNX_FILE}"))
    if not found:
        raise _missing(repository, name)
    return found


def next_version(repository: Path, name: str) -> int:
    """One above the last version of a model, 1 where there is none."""
    try:
        return versions(repository, name)[-1] + 1
    except ModelMissingError:
        return 1


def names(repository: Path) -> list[str]:
    """The names of the models in a repository. Raises `ModelMissingError` where there is none."""
    found = sorted({path.parent.parent.name for path in repository.glob(f"*/[0-9]*/{ONNX_FILE}")})
    if not found:
        raise _missing(repository, "<name>")
    return found


def _missing(repository: Path, name: str) -> ModelMissingError:
    expected = f"expected {repository}/{name}/<version>/{ONNX_FILE}, got none"
    return ModelMissingError(f"model missing: {expected}; make it with `kairos export`, or name another folder")


def embed(repository: Path, into: Path, threads: int) -> list[str]:
    """Make of a repository one for the embedded server: the same models, run by its Python backend on the CPU.

    `threads` is how many ONNX Runtime may use for one call. Returns the names of the models. The files are copies, so
    that an export into `repository` does not change a model while the server reads it.
    """
    found = names(repository)
    for name in found:
        for version in versions(repository, name):
            folder = into / name / str(version)
            folder.mkdir(parents=True)
            shutil.copy(repository / name / str(version) / ONNX_FILE, folder)
            shutil.copy(_BACKEND, folder)
        text = (repository / name / CONFIG_FILE).read_text()
        (into / name / CONFIG_FILE).write_text(text.replace(_ONNX_BACKEND, _PYTHON_BACKEND) + _on_cpu(threads))
    return found


def _on_cpu(threads: int) -> str:
    return (
        "instance_group [ { kind: KIND_CPU, count: 1 } ]\n"
        f'parameters {{ key: "threads" value {{ string_value: "{threads}" }} }}\n'
    )


def _tensor(tensor: Tensor) -> str:
    # Triton has no empty shape beside the batch: one number is [1] outside and nothing for the model.
    shape = f"dims: {_dims(tensor)}" if tensor.shape else "dims: [ 1 ], reshape: { shape: [ ] }"
    return f'name: "{tensor.name}", data_type: {_type(tensor)}, {shape}'


def _warm_up(size: int) -> str:
    inputs = "".join(map(_zeros, INPUTS))
    return f'model_warmup {{\n  name: "{size}"\n  batch_size: {size}\n{inputs}}}\n'


def _zeros(tensor: Tensor) -> str:
    value = f"data_type: {_type(tensor)}, dims: {_dims(tensor)}, zero_data: true"
    return f'  inputs {{ key: "{tensor.name}" value {{ {value} }} }}\n'


def _type(tensor: Tensor) -> str:
    return f"TYPE_{np_to_triton_dtype(np.dtype(tensor.dtype).type)}"


def _dims(tensor: Tensor) -> list[int]:
    return list(tensor.shape or (1,))

"""Export: a checkpoint becomes an ONNX file in a Triton model repository, if it answers as torch does."""

import hashlib
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import onnx
import onnxruntime
import torch

from inference.asked import Asked
from inference.checkpoint import Checkpoint
from inference.inputs import ACTIONS, CONTEXT, HISTORY_EVENTS, INPUTS, Columns, Tensor
from inference.repository import write_model
from schemas.history import DTYPE
from schemas.kinds import LAST_EVENT

OPSET: Final = 18
TOLERANCE: Final = 1e-5
"""How far ONNX Runtime may be from torch; above 1, as a share."""
CHECKED_SIZES: Final = (1, 2, 7, 64, 301)
CARD_FILE: Final = "card.json"


class Place(NamedTuple):
    """Where a model goes: a Triton repository, the name that it is asked by, its version."""

    repository: Path
    name: str
    version: int


def export(checkpoint: Checkpoint, place: Place, date: str, *, everything: bool = False) -> Path:
    """Put the checkpoint's model into a repository, and a card beside it. Returns the path of the ONNX file.

    `date` is what the card says, as given. With `everything` it answers all heads, else what the live path reads.
    Raises `ValueError`, and writes nothing, where ONNX Runtime's answers are not torch's, and beside versions that
    answer something else: Triton has one configuration for all versions.
    """
    model = Asked(checkpoint.model, everything=everything)
    return put(checked_onnx(model), model.declared(), checkpoint, place, date)


def put(content: bytes, outputs: Sequence[Tensor], checkpoint: Checkpoint, place: Place, date: str) -> Path:
    """Put an ONNX model with these outputs into a repository, and a card beside it, with the checkpoint's facts.

    Returns the path of the ONNX file. Raises `ValueError` beside versions that answer something else.
    """
    path = write_model(*place, content, outputs)
    card = {
        "name": place.name,
        "version": place.version,
        "date": date,
        "architecture": checkpoint.architecture,
        "answers": [output.name for output in outputs],
        "sha256": hashlib.sha256(content).hexdigest(),
        "opset": OPSET,
        **checkpoint.facts,
    }
    text = msgspec.json.format(msgspec.json.encode(card), indent=2)
    path.with_name(CARD_FILE).write_bytes(text + b"\n")
    return path


def checked_onnx(model: Asked) -> bytes:
    """The model as ONNX. Raises `ValueError` where ONNX Runtime's answers are not torch's."""
    content = onnx_of(model)
    check(content, model)
    return content


def onnx_of(model: Asked) -> bytes:
    """The model as ONNX, its tensors named and shaped as declared, the batch of any size above 0."""
    example = tuple(map(torch.from_numpy, random_inputs(3, seed=0).values()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of torch's own future; `check` says whether the export is right
        program = torch.onnx.export(
            model.eval(),
            example,
            dynamo=True,
            opset_version=OPSET,
            input_names=[tensor.name for tensor in INPUTS],
            output_names=[tensor.name for tensor in model.declared()],
            dynamic_shapes=tuple({0: torch.export.Dim("batch")} for _ in INPUTS),
            verbose=False,
        )
    assert program is not None, "torch answers with a program when dynamo is asked for"
    return _without_traces(program.model_proto)


def _without_traces(proto: onnx.ModelProto) -> bytes:
    """The bytes of the model without torch's stack traces: they hold paths of this machine, and a fifth of the size."""
    del proto.graph.metadata_props[:]
    for part in (*proto.graph.node, *proto.graph.value_info, *proto.graph.input, *proto.graph.output):
        del part.metadata_props[:]
    return bytes(proto.SerializeToString())


def check(content: bytes, model: Asked) -> None:
    """Raise `ValueError` where an ONNX model's answers are not the model's, or not finite.

    Asked are random requests in batches of several sizes, an empty history among each.
    """
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    names = [output.name for output in model.declared()]
    for size in CHECKED_SIZES:
        inputs = random_inputs(size, seed=size)
        with torch.inference_mode():
            expected = model(*map(torch.from_numpy, inputs.values()))
        for name, got, wanted in zip(names, session.run(names, inputs), expected, strict=True):
            apart = float((np.abs(got - wanted.numpy()) / np.maximum(1, np.abs(wanted.numpy()))).max())
            if not apart <= TOLERANCE:  # a NaN is not within the tolerance either
                msg = (
                    f"expected {name} from ONNX Runtime within {TOLERANCE} of torch's, got {apart} apart in a batch of "
                    f"{size}; nothing was exported: look for an operator that opset {OPSET} answers differently"
                )
                raise ValueError(msg)


def random_inputs(size: int, seed: int) -> dict[str, Any]:
    """The input tensors of random requests: the first with an empty history, the second with a full one."""
    rng = np.random.default_rng(seed)
    shape = (size, HISTORY_EVENTS)
    asked_ms = rng.integers(10**12, 2 * 10**12, size)
    event_ms = asked_ms[:, None] - np.sort(rng.exponential(1e8, shape).astype(np.int64))[:, ::-1]
    history = np.zeros(shape, dtype=DTYPE)
    history["kind"] = np.where(rng.random(shape) < 0.9, rng.integers(1, ACTIONS, shape), LAST_EVENT)
    history["at_low"], history["at_high"] = event_ms & 0xFFFFFFFF, event_ms >> 32
    history["item"] = rng.integers(0, 2**63, shape)
    history["category"] = rng.integers(0, 2**32, shape)
    history["price"] = rng.exponential(5e3, shape)
    events = rng.integers(0, HISTORY_EVENTS + 1, size)
    events[:2] = [0, HISTORY_EVENTS][:size]
    history[np.arange(HISTORY_EVENTS) < HISTORY_EVENTS - events[:, None]] = np.zeros((), dtype=DTYPE)
    context = rng.exponential(100, (size, len(CONTEXT))).astype(np.float32)
    return Columns(history, asked_ms, context).tensors()

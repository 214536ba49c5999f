"""Who answers: the model, what any model must beat, and where a simulator knows them, the exact probabilities."""

from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import onnxruntime

from inference.baselines.boosted_trees import boosted_trees
from inference.baselines.last_event import last_event
from inference.baselines.logistic_regression import logistic_regression
from inference.dataset import Examples, Split, inputs
from inference.heads import HEADS, Head
from inference.judge.rows import rows
from inference.repository import ONNX_FILE, versions
from inference.trained import CHECKPOINT_FILE

MODEL: Final = "model"
OPTIMUM: Final = "optimum"
RULE: Final = "rule"
LINE: Final = "logistic"
TREES: Final = "trees"
_TRUTH_OF: Final = "abandon_30m"
_BATCH: Final = 1_024
_MOST_ROWS: Final = 100_000
"""So many examples are enough for a table's model: a draw of them, the same each time."""

Answers = dict[str, npt.NDArray[Any]]
"""Probabilities by name of the head: (N,) for a chance, (N, width) for a choice."""


class Parts(NamedTuple):
    """Answers about the parts that judge: the threshold is chosen on validation."""

    validation: npt.NDArray[Any]
    test: npt.NDArray[Any]


def model_answers(model: Path, examples: Examples) -> Answers:
    """What a model answers: of a folder of `kairos train`, or of a Triton repository (of a model, or of a version).

    Raises `ValueError` where there is no model.
    """
    if (model / CHECKPOINT_FILE).is_file():
        return _of_checkpoint(model / CHECKPOINT_FILE, examples)
    if not (model / ONNX_FILE).is_file() and any(model.glob(f"[0-9]*/{ONNX_FILE}")):
        model = model / str(versions(model.parent, model.name)[-1])
    if not (model / ONNX_FILE).is_file():
        msg = (
            f"expected {CHECKPOINT_FILE} (kairos train) or {ONNX_FILE} (kairos export) in {model}, got neither; "
            "give the folder of --out, or deploy/models/NAME"
        )
        raise ValueError(msg)
    return onnx_answers(model / ONNX_FILE, examples)


def _of_checkpoint(path: Path, examples: Examples) -> Answers:
    from inference.checkpoint import load_checkpoint  # noqa: PLC0415 torch takes seconds
    from inference.learned import Learned  # noqa: PLC0415
    from inference.train import answers  # noqa: PLC0415

    return dict(answers(load_checkpoint(path).model, Learned.of(examples)))


def onnx_answers(model: Path | bytes, examples: Examples) -> Answers:
    """What an ONNX model answers, of a file or as it is in one."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    names = [head.name for head in HEADS if head.name in {output.name for output in session.get_outputs()}]
    found = [session.run(names, inputs(examples[at : at + _BATCH])) for at in range(0, len(examples), _BATCH)]
    return dict(zip(names, map(np.concatenate, zip(*found, strict=True)), strict=True))


def contenders(head: Head, model: Answers, split: Split, seed: int) -> dict[str, Parts]:
    """Everybody's answers for a head that the model answers, the model first. `model`: about validation, then test.

    Who needs more labels than there are in the training part does not come.
    """
    here = len(split.validation)
    found = {MODEL: Parts(model[head.name][:here], model[head.name][here:])}
    asked = np.concatenate([split.validation, split.test])
    for name, answers in _baselines(head, split.train, asked, seed).items():
        found[name] = Parts(answers[:here], answers[here:])
    if head.name == _TRUTH_OF and not np.isnan(asked["truth"]).all():
        found[OPTIMUM] = Parts(split.validation["truth"], split.test["truth"])
    return found


def _baselines(head: Head, train: Examples, asked: Examples, seed: int) -> Answers:
    learned = _drawn(train[train[head.name] >= 0], seed)
    labels = learned[head.name].astype(np.intp)
    if len(np.unique(labels)) < 2:
        return {}
    rule = last_event(learned, labels, asked, max(2, head.width))
    if head.answers == "choice":
        return {RULE: rule}
    table, ask = rows(learned), rows(asked)
    return {
        RULE: rule[:, 1],
        LINE: logistic_regression(table, labels > 0, ask),
        TREES: boosted_trees(table, labels > 0, ask, seed),
    }


def _drawn(examples: Examples, seed: int) -> Examples:
    if len(examples) <= _MOST_ROWS:
        return examples
    kept = np.random.default_rng(seed).choice(len(examples), _MOST_ROWS, replace=False)
    return examples[np.sort(kept)]

"""What every model promises; a model is covered by standing in `MODELS`."""

from functools import cache

import numpy as np
import onnxruntime
import pytest
import torch

from inference.asked import Asked
from inference.checkpoint import MODELS
from inference.dataset import Split, gather
from inference.export import CHECKED_SIZES, check, onnx_of, random_inputs
from inference.heads import HEADS
from inference.inputs import CONTEXT, INPUTS, OUTPUTS, Request, tensors
from inference.learned import Learned, losses
from inference.models.heads import Logits, Served
from inference.train import Plan, answers, train
from tests.inference.shop import examples, slot

EMPTY = Request(b"", 1_790_000_000_000, (0.0,) * len(CONTEXT))
every_model = pytest.mark.parametrize("architecture", MODELS)


WARM = (1.5, 0.7, 2.0, 1.1, 0.9, 1.3, 0.8)


def started(architecture: str, seed: int) -> Served:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Served(MODELS[architecture](), temperatures=WARM).eval()


@cache
def fresh(architecture: str) -> Served:
    """A model none of whose weights is 0 any more, as after training: biases begin with 0 and hide mistakes."""
    model, shaken = started(architecture, seed=7), torch.Generator().manual_seed(7)
    with torch.no_grad():
        for weight in (*model.parameters(), model.biases):
            weight.add_(torch.randn(weight.shape, generator=shaken), alpha=0.05)
    return model


@cache
def whole(architecture: str) -> Asked:
    return Asked(fresh(architecture), everything=True)


@cache
def exported(architecture: str) -> bytes:
    return onnx_of(whole(architecture))


def asked(model: Served | Asked, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
    with torch.inference_mode():
        return [output.numpy() for output in model(*map(torch.from_numpy, inputs.values()))]


@every_model
def test_answers_are_probabilities_in_the_declared_shapes_on_an_empty_history_too(architecture: str) -> None:
    others = random_inputs(5, seed=1)
    batch = {name: np.concatenate([empty, others[name]]) for name, empty in tensors([EMPTY]).items()}

    outputs = asked(fresh(architecture), batch)

    assert [output.shape for output in outputs] == [(6,) if h.width == 1 else (6, h.width) for h in HEADS]
    assert [output.shape for output in outputs[:3]] == [(6, *declared.shape) for declared in OUTPUTS]
    assert all(np.isfinite(output).all() and (output >= 0).all() and (output <= 1).all() for output in outputs)
    for head, output in zip(HEADS, outputs, strict=True):
        if head.answers == "choice":
            np.testing.assert_allclose(output.sum(axis=1), 1, atol=1e-5)


@every_model
def test_a_seed_gives_the_same_model_twice(architecture: str) -> None:
    first, second, other = (started(architecture, seed).state_dict() for seed in (1, 1, 2))

    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


@every_model
def test_an_empty_history_is_as_empty_however_long(architecture: str) -> None:
    padded = tensors([EMPTY])
    short = {name: tensor if name == "context" else tensor[:, -3:] for name, tensor in padded.items()}

    for long_answer, short_answer in zip(
        asked(whole(architecture), padded), asked(whole(architecture), short), strict=True
    ):
        np.testing.assert_allclose(long_answer, short_answer, atol=1e-6)


@every_model
def test_more_padding_changes_nothing(architecture: str) -> None:
    request = EMPTY._replace(history=slot(1, EMPTY.at_ms - 5_000, 3, 900) + slot(5, EMPTY.at_ms - 1_000, 3, 900))
    padded = tensors([request])
    short = {name: tensor if name == "context" else tensor[:, -2:] for name, tensor in padded.items()}

    for long_answer, short_answer in zip(
        asked(whole(architecture), padded), asked(whole(architecture), short), strict=True
    ):
        np.testing.assert_allclose(long_answer, short_answer, atol=2e-7, rtol=1e-6)


@every_model
def test_an_answer_does_not_depend_on_the_batch_it_comes_in(architecture: str) -> None:
    batch = random_inputs(33, seed=2)

    together = asked(fresh(architecture), batch)

    for row in (0, 1, 32):
        alone = asked(fresh(architecture), {name: tensor[row : row + 1] for name, tensor in batch.items()})
        for one, many in zip(alone, together, strict=True):
            np.testing.assert_allclose(one[0], many[row], atol=1e-6)


@every_model
def test_every_event_of_the_history_matters(architecture: str) -> None:
    batch = random_inputs(2, seed=3)
    batch["event_ids"][:, :, 0] = 1
    changed = batch | {"event_ids": batch["event_ids"].copy()}
    changed["event_ids"][1, 0, 0] = 9

    before, after = asked(fresh(architecture), batch), asked(fresh(architecture), changed)

    assert (before[2][1] != after[2][1]).any()
    assert (before[2][0] == after[2][0]).all()


@every_model
def test_eight_examples_are_learned_by_heart(architecture: str) -> None:
    eight = gather(examples(200, seed=3))
    eight = eight[~np.isnan(eight["abandon_30m"]) & ~np.isnan(eight["purchase_24h"]) & (eight["next_action"] >= 0)][:8]
    plan = Plan(architecture=architecture, epochs=150, batch=8, learning_rate=0.01, decay=1.0, patience=150)

    checkpoint = train(Split(eight, eight, eight), plan, lambda _: None)

    learned = Learned.of(eight)
    probabilities = answers(checkpoint.model, learned)
    assert np.abs(probabilities["abandon_30m"] - eight["abandon_30m"]).max() < 0.1
    for head in HEADS:
        if head.answers == "chance":
            wrong = np.abs(probabilities[head.name] - eight[head.name])
            assert np.nanmax(wrong) < 0.2, head
    assert np.isfinite(losses(checkpoint.model.logits(*learned[:3]), learned).detach().numpy()).all()


@every_model
def test_onnx_answers_what_torch_answers_in_batches_of_any_size(architecture: str) -> None:
    session = onnxruntime.InferenceSession(exported(architecture), providers=["CPUExecutionProvider"])

    for size in (*CHECKED_SIZES, 1024):
        batch = random_inputs(size, seed=size + 1)
        for got, wanted in zip(session.run(None, batch), asked(whole(architecture), batch), strict=True):
            assert (np.abs(got - wanted) <= 1e-5 * np.maximum(1, np.abs(wanted))).all()


@every_model
def test_onnx_has_the_declared_names_and_types_and_no_path_of_this_machine(architecture: str) -> None:
    session = onnxruntime.InferenceSession(exported(architecture), providers=["CPUExecutionProvider"])

    assert [tensor.name for tensor in session.get_inputs()] == [declared.name for declared in INPUTS]
    outputs = [tensor.name for tensor in session.get_outputs()]
    assert outputs == [declared.name for declared in whole(architecture).declared()]
    assert outputs[: len(OUTPUTS)] == [declared.name for declared in OUTPUTS]
    assert b".py" not in exported(architecture)


@every_model
def test_an_export_that_answers_otherwise_is_refused(architecture: str) -> None:
    cooler = Served(fresh(architecture).model, (1.5, 0.8, *WARM[2:]))
    cooler.biases.copy_(fresh(architecture).biases)
    other = Asked(cooler, everything=True)

    with pytest.raises(ValueError, match=r"expected abandon_30m from ONNX Runtime within 1e-05 of torch's"):
        check(exported(architecture), other)


def test_heads_and_logits_and_what_is_served_are_in_one_order() -> None:
    assert [head.name for head in HEADS] == list(Logits._fields)
    assert [head.name for head in HEADS][: len(OUTPUTS)] == [declared.name for declared in OUTPUTS]

"""A transformer learns what histories look like from logs without labels, and is then fine-tuned."""

import math
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from inference.dataset import Example, Examples, Split, gather, split
from inference.heads import HEADS
from inference.inputs import CONTEXT, Request
from inference.models.transformer import Transformer, TransformerConfig
from inference.pretrain import Guesser, PretrainPlan, Told, pretrain
from inference.start import Start, read_start, write_start
from inference.train import Plan, train
from tests.inference.shop import START_MS, examples, slot

PLAN = PretrainPlan(epochs=6, batch=64, seed=5, learning_rate=0.003)


@cache
def log() -> Examples:
    return gather(examples(600, seed=2))


def unlabelled() -> Examples:
    bare = log().copy()
    for head in HEADS:
        bare[head.name] = math.nan if head.answers == "chance" else -1
    return bare


@cache
def pretrained() -> Start:
    return pretrain(unlabelled(), PLAN, lambda _: None)


def test_labels_are_not_looked_at() -> None:
    first = pretrain(unlabelled()[:100], PretrainPlan(epochs=1), lambda _: None)
    second = pretrain(log()[:100], PretrainPlan(epochs=1), lambda _: None)

    assert all(torch.equal(first.weights[name], second.weights[name]) for name in first.weights)


def steady(shopper: int) -> Example:
    """A shopper who either looks, or searches, or adds, always the same thing."""
    kinds = [(1, 4, 5)[shopper % 3]] * 32
    slots = [slot(kind, START_MS + place * 60_000, item=7) for place, kind in enumerate(kinds)]
    request = Request(b"".join(slots), START_MS + 2_000_000, (0.0,) * len(CONTEXT))
    return next(examples(1))._replace(request=request)


def test_a_hidden_event_is_told_from_those_around_it() -> None:
    told: list[Told] = []
    log = gather(steady(shopper) for shopper in range(256))

    pretrain(log, PretrainPlan(epochs=20, batch=64, learning_rate=0.005), told.append)

    last = np.mean([step.loss for step in told if step.epoch == 20])
    assert last < 0.3 < math.log(3)  # as much is lost by who knows only how frequent each kind is


def test_nothing_of_a_hidden_event_can_be_seen_but_its_place_and_its_time() -> None:
    torch.manual_seed(0)
    guesser = Guesser(Transformer()).eval()
    ids, numbers = torch.randint(1, 9, (1, 32, 3), dtype=torch.int16), torch.rand(1, 32, 3)
    hidden = torch.zeros(1, 32, dtype=torch.bool)
    hidden[0, [3, 31]] = True
    other_ids, other_numbers = ids.clone(), numbers.clone()
    other_ids[hidden], other_numbers[0, 3, :2] = 7, 0.9

    heard = []
    guesser.guesses.register_forward_pre_hook(lambda _, given: heard.append(given[0].detach()))
    guesser(ids, numbers, hidden)
    guesser(other_ids, other_numbers, hidden)

    assert torch.equal(*heard)


def test_fine_tuning_begins_with_what_was_learned_and_may_leave_the_first_layers_alone() -> None:
    parts = Split(*[log()[:200]] * 3)
    plan = Plan(architecture="transformer", epochs=1, last_layers=1)

    checkpoint = train(parts, plan, lambda _: None, start=pretrained())

    assert checkpoint.facts["started_from"] == pretrained().facts
    model = checkpoint.model.model.state_dict()
    same = {name for name, weight in pretrained().weights.items() if torch.equal(weight, model[name])}
    assert {"steps.kinds.weight", "widen.weight", "layers.0.asks.weight"} <= same
    assert not any(name.startswith(("layers.1.", "norm.")) for name in same)


def test_a_pretrained_model_comes_back_from_its_file(tmp_path: Path) -> None:
    write_start(tmp_path / "start", pretrained())

    back = read_start(tmp_path / "start")

    assert back.facts == pretrained().facts
    assert all(torch.equal(back.weights[name], weight) for name, weight in pretrained().weights.items())


def test_what_is_no_beginning_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no model")

    with pytest.raises(ValueError, match="make one with kairos pretrain LOG --out DIR"):
        read_start(tmp_path / "text")
    with pytest.raises(ValueError, match="expected a pre-trained model of the same kind and size"):
        train(split(log()), Plan(architecture="lstm"), lambda _: None, start=pretrained())
    with pytest.raises(ValueError, match="expected a model that is fine-tuned by layers"):
        train(split(log()), Plan(architecture="lstm", last_layers=1), lambda _: None)


def test_a_causal_transformer_does_not_see_what_comes_later() -> None:
    torch.manual_seed(0)
    ids, numbers = torch.randint(1, 9, (1, 32, 3), dtype=torch.int16), torch.rand(1, 32, 3)
    later = ids.clone()
    later[0, 20:31] = 9  # but for the newest: each step sees whether its item is the newest event's

    apart = {}
    for causal in (True, False):
        model = Transformer(TransformerConfig(causal=causal)).eval()
        with torch.inference_mode():
            read = [model.encoded(model.widen(model.steps(e, numbers)), e, numbers) for e in (ids, later)]
        apart[causal] = float((read[0] - read[1])[0, :20].abs().max())

    assert apart[True] == 0 < apart[False]

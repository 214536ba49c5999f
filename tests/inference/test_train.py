"""Training, on a shop that can be learned."""

import math
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from inference.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from inference.dataset import Split, gather, split
from inference.heads import HEADS
from inference.models.heads import Logits
from inference.train import Learned, Plan, Progress, answers, evaluate, losses, train
from tests.inference.shop import examples

PLAN = Plan(epochs=6, batch=128, seed=3)


@cache
def parts() -> Split:
    return split(gather(examples(4_000, seed=1)))


@cache
def trained() -> Checkpoint:
    return train(parts(), PLAN, lambda _: None)


def test_the_model_learns_who_abandons_and_does_not_beat_the_exact_probabilities() -> None:
    found = evaluate(trained().model, parts().test)

    assert found.abandon_30m.base_rate + 0.2 < found.abandon_30m.pr_auc
    assert found.abandon_optimum.log_loss < found.abandon_beside.log_loss < found.abandon_optimum.log_loss + 0.15
    assert found.purchase_24h.pr_auc > found.purchase_24h.base_rate + 0.1
    assert found.next_action.log_loss < found.next_action.base_log_loss - 0.3


def test_the_probabilities_mean_what_they_say() -> None:
    found = evaluate(trained().model, parts().validation)

    assert found.abandon_30m.ece < 0.1
    assert found.purchase_24h.ece < 0.1


def test_the_same_seed_gives_the_same_model_and_leaves_torchs_own_chance_alone() -> None:
    torch.manual_seed(11)
    plan, few = Plan(epochs=1, seed=3), Split(*(part[:300] for part in parts()))

    first, second = (train(few, plan, lambda _: None).model.state_dict() for _ in range(2))
    other = train(few, Plan(epochs=1, seed=4), lambda _: None).model.state_dict()

    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)
    assert torch.initial_seed() == 11


def test_what_is_masked_is_not_learned_from() -> None:
    learned = Learned.of(parts().train[:64])
    unknown = {"chance": torch.full((64,), math.nan), "choice": torch.full((64,), -1, dtype=torch.long)}
    masked = learned._replace(**{h.name: unknown[h.answers] for h in HEADS if h.name != "abandon_30m"})
    logits = Logits(*(torch.zeros(64, *([] if h.width == 1 else [h.width]), requires_grad=True) for h in HEADS))

    loss = losses(logits, masked)
    loss.sum().backward()

    assert loss[0] == loss[2] == 0
    assert not loss[3:].any()
    assert float(loss[1].detach()) == pytest.approx(math.log(2))
    assert not logits.purchase_24h.grad.any()
    assert ((logits.abandon_30m.grad != 0) == ~masked.abandon_30m.isnan()).all()


def test_progress_tells_of_every_example_of_every_epoch() -> None:
    told: list[Progress] = []

    train(Split(*(part[:300] for part in parts())), Plan(epochs=2, batch=128), told.append)

    assert [(step.epoch, step.examples) for step in told] == [
        (1, 128),
        (1, 256),
        (1, 300),
        (2, 128),
        (2, 256),
        (2, 300),
    ]
    assert [step.pr_auc is None for step in told] == [True] * 3 + [False] * 3


def test_training_stops_when_validation_gets_no_better_and_keeps_the_best_epoch() -> None:
    told: list[Progress] = []
    few = Split(*(part[:200] for part in parts()))

    checkpoint = train(few, Plan(epochs=60, batch=64, learning_rate=0.02, decay=1.0, patience=2), told.append)

    assert told[-1].epoch == checkpoint.facts["best_epoch"] + 2 < 60
    best = max(step.pr_auc for step in told if step.pr_auc is not None)
    assert evaluate(checkpoint.model, few.validation).abandon_30m.pr_auc == pytest.approx(best)


def test_a_validation_part_without_abandonment_is_refused() -> None:
    none = parts().validation.copy()
    none["abandon_30m"] = 0

    with pytest.raises(ValueError, match="expected abandoned carts and others"):
        train(parts()._replace(validation=none), PLAN, lambda _: None)


def test_a_checkpoint_comes_back_as_it_was(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "model.pt", trained())

    back = load_checkpoint(tmp_path / "model.pt")

    learned = Learned.of(parts().test)
    for name, answer in answers(trained().model, learned).items():
        np.testing.assert_array_equal(answers(back.model, learned)[name], answer)
    assert back.facts == trained().facts
    assert back.facts["examples"]["test"] == len(parts().test)


def test_a_file_that_is_no_checkpoint_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a model")

    for name in ("text", "absent"):
        with pytest.raises(ValueError, match=r"expected a checkpoint .*make one with kairos train LOG --out DIR"):
            load_checkpoint(tmp_path / name)

"""Training, on a shop that can be learned."""

import math
from collections.abc import Callable
from functools import cache
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from inference.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from inference.dataset import Split, gather, split
from inference.heads import HEADS
from inference.learned import Learned, losses
from inference.models.heads import Logits
from inference.train import Plan, Progress, answers, evaluate, train
from inference.unfinished import CURVES_FOLDER, UNFINISHED_FILE, Folder
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


def test_a_checkpoint_from_before_there_were_biases_has_none(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "model.pt", trained())
    older = torch.load(tmp_path / "model.pt", weights_only=True)
    del older["weights"]["biases"]
    torch.save(older, tmp_path / "older.pt")

    back = load_checkpoint(tmp_path / "older.pt")

    assert trained().model.biases.any()
    assert not back.model.biases.any()
    assert torch.equal(back.model.temperatures, trained().model.temperatures)


def test_a_file_that_is_no_checkpoint_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a model")

    for name in ("text", "absent"):
        with pytest.raises(ValueError, match=r"expected a checkpoint .*make one with kairos train LOG --out DIR"):
            load_checkpoint(tmp_path / name)


class StoppedError(Exception):
    """Somebody pressed Ctrl-C."""


def stopping(epoch: int, examples: int) -> Callable[[Progress], None]:
    def stop(step: Progress) -> None:
        if (step.epoch, step.examples) == (epoch, examples):
            raise StoppedError

    return stop


@pytest.mark.parametrize("architecture", ["lstm", "vae"])
def test_a_training_that_was_stopped_and_goes_on_gives_the_model_of_one_that_was_not(
    architecture: str, tmp_path: Path
) -> None:
    few, plan = Split(*(part[:300] for part in parts())), Plan(architecture=architecture, epochs=4, batch=128, seed=3)
    whole = train(few, plan, lambda _: None)

    for at in ((2, 256), (3, 300)):
        with pytest.raises(StoppedError):
            train(few, plan, stopping(*at), Folder(tmp_path, resume=True))
    told: list[Progress] = []
    resumed = train(few, plan, told.append, Folder(tmp_path, resume=True))

    assert told[0].epoch == 3
    expected, came = whole.model.state_dict(), resumed.model.state_dict()
    assert all(torch.equal(expected[name], came[name]) for name in expected)
    assert resumed.facts["best_epoch"] == whole.facts["best_epoch"]
    assert resumed.facts["report"] == whole.facts["report"]


def test_a_training_that_goes_on_after_its_best_epoch_still_ends_with_that(tmp_path: Path) -> None:
    few = Split(*(part[:200] for part in parts()))
    plan = Plan(epochs=60, batch=64, learning_rate=0.02, decay=1.0, patience=3)
    whole = train(few, plan, lambda _: None)
    best = whole.facts["best_epoch"]

    with pytest.raises(StoppedError):
        train(few, plan, stopping(best + 2, 64), Folder(tmp_path))
    resumed = train(few, plan, lambda _: None, Folder(tmp_path, resume=True))

    assert resumed.facts["best_epoch"] == best
    expected, came = whole.model.state_dict(), resumed.model.state_dict()
    assert all(torch.equal(expected[name], came[name]) for name in expected)


def test_without_resume_a_training_begins_anew_whatever_lies_there(tmp_path: Path) -> None:
    few, plan = Split(*(part[:300] for part in parts())), Plan(epochs=2, batch=128)
    with pytest.raises(StoppedError):
        train(few, plan, stopping(2, 128), Folder(tmp_path))

    told: list[Progress] = []
    train(few, plan, told.append, Folder(tmp_path))

    assert told[0].epoch == 1


def test_another_training_is_not_gone_on_with(tmp_path: Path) -> None:
    few, plan = Split(*(part[:300] for part in parts())), Plan(epochs=2, batch=128)
    with pytest.raises(StoppedError):
        train(few, plan, stopping(2, 128), Folder(tmp_path))
    other = few._replace(train=few.train[:299])

    with pytest.raises(ValueError, match=r"got another: seed differ; give the same options"):
        train(few, msgspec.structs.replace(plan, seed=1), lambda _: None, Folder(tmp_path, resume=True))
    with pytest.raises(ValueError, match=r"got another: examples differ"):
        train(other, plan, lambda _: None, Folder(tmp_path, resume=True))


@pytest.mark.parametrize("kept", [0, 4, 5_000])
def test_what_was_left_torn_is_refused_with_what_to_do(kept: int, tmp_path: Path) -> None:
    Folder(tmp_path).keep({}, trained().model.state_dict())
    whole = (tmp_path / UNFINISHED_FILE).read_bytes()
    (tmp_path / UNFINISHED_FILE).write_bytes(whole[:kept])

    with pytest.raises(ValueError, match=r"expected an unfinished training at .*train without --resume"):
        train(parts(), PLAN, lambda _: None, Folder(tmp_path, resume=True))


def test_tensorboard_reads_a_point_for_each_epoch(tmp_path: Path) -> None:
    few = Split(*(part[:300] for part in parts()))

    train(few, Plan(epochs=3, batch=128), lambda _: None, Folder(tmp_path))

    curves = EventAccumulator(str(tmp_path / CURVES_FOLDER)).Reload()
    assert curves.Tags()["scalars"] == ["loss/train", "abandon_30m/pr_auc", "abandon_30m/log_loss"]
    assert [point.step for point in curves.Scalars("abandon_30m/pr_auc")] == [1, 2, 3]


def test_a_log_without_a_label_trains_the_other_heads_and_says_nothing_of_that_one() -> None:
    bare = parts().train[:300].copy()
    bare["churn_30d"], bare["next_event"] = math.nan, -1

    checkpoint = train(Split(bare, bare, bare), Plan(epochs=2, batch=128), lambda _: None)

    assert checkpoint.facts["report"]["test"]["churn_30d"] is None
    assert checkpoint.facts["report"]["test"]["next_event"] is None
    assert checkpoint.facts["report"]["test"]["purchase_1h"]["examples"] > 200
    calm = dict(zip((head.name for head in HEADS), checkpoint.model.temperatures.tolist(), strict=True))
    assert calm["churn_30d"] == calm["next_event"] == 1
    assert calm["purchase_1h"] != 1


def test_a_model_says_how_long_it_took_and_on_what() -> None:
    facts = trained().facts

    assert 0 < facts["hours"] < 1
    assert "cores of" in facts["machine"]

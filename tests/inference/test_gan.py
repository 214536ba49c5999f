"""A generator makes up shoppers like those of a log, with labels, for training only."""

import math
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from inference.added import NOBODY, added_facts, with_added
from inference.dataset import Example, Examples, gather, split
from inference.inputs import CONTEXT, Request
from inference.marginals import beside, distances, independent
from inference.models.gan import Critic, GanConfig, Generator
from inference.synthesise import Gan, GanPlan, Learning, condition_of, learn, synthetic
from inference.unfinished import CURVES_FOLDER, Folder
from inference.vocabulary import Vocabulary
from schemas.history import at_ms
from tests.inference.shop import START_MS, examples, slot

PLAN = GanPlan(epochs=16, batch=32, learning_rate=0.005, seed=3)
VIEW, ADD = 1, 5


def alternating(shopper: int) -> Example:
    """Who looks and adds in turns, a minute apart; the cart is abandoned where the newest event was to look."""
    count, abandons = 4 + shopper % 9, shopper % 2
    kinds = [(ADD, VIEW)[(abandons + place) % 2] for place in range(count)][::-1]
    ms = START_MS + shopper * 600_000
    slots = [slot(kind, ms - (count - 1 - n) * 60_000, item=9 - kind, price=kind * 100) for n, kind in enumerate(kinds)]
    request = Request(b"".join(slots), ms, (float(count),) + (0.0,) * (len(CONTEXT) - 1))
    labels = (float(abandons), math.nan, -1, math.nan, math.nan, math.nan, -1, math.nan)
    return Example(request, *labels, at_ms=ms, shopper=1 + shopper // 2)


@cache
def log() -> Examples:
    return gather(map(alternating, range(512)))


@cache
def learned() -> Gan:
    return learn(log(), PLAN, lambda _: None)


def made() -> Examples:
    return synthetic(learned(), log(), 400, seed=1)


def test_a_process_is_learned_with_its_order_its_gaps_its_items_and_its_labels() -> None:
    history = made()["history"]

    kinds, times = history["kind"], at_ms(history)
    pairs = (kinds[:, 1:] > 0) & (kinds[:, :-1] > 0)
    assert (kinds[:, 1:] + kinds[:, :-1])[pairs].tolist().count(VIEW + ADD) > 0.95 * pairs.sum()
    assert (np.diff(times, axis=1)[pairs] == 60_000).mean() > 0.95
    seen = history[kinds > 0]
    kind = seen["kind"].astype(int)
    assert ((seen["item"] == 9 - kind) & (seen["price"] == 100 * kind)).mean() > 0.95
    assert ((kinds[:, -1] == VIEW) == (made()["abandon_30m"] == 1)).mean() > 0.95
    assert ((kinds > 0).sum(axis=1) == made()["context"][:, 0]).mean() > 0.8


def test_what_is_made_up_has_the_labels_and_the_times_of_real_ones_and_belongs_to_nobody() -> None:
    ours = made()

    assert set(ours["at_ms"]) <= set(log()["at_ms"])
    assert np.array_equal(ours["asked_ms"], ours["at_ms"])
    label_of = dict(zip(log()["at_ms"].tolist(), log()["abandon_30m"].tolist(), strict=True))
    assert [label_of[ms] for ms in ours["at_ms"].tolist()] == ours["abandon_30m"].tolist()
    assert (ours["shopper"] == NOBODY).all()
    assert np.isnan(ours["truth"]).all()


def test_no_history_has_a_hole_or_an_event_after_the_request_even_before_anything_is_learned() -> None:
    torch.manual_seed(0)
    vocabulary = Vocabulary.of(log())
    events, numbers = vocabulary.sizes()
    config = GanConfig(events=events, numbers=numbers, condition=condition_of(log()).shape[1])
    gan = Gan(Generator(config), vocabulary, {"plan": {"threads": 1}})

    history = synthetic(gan, log(), 200, seed=1)["history"]

    seen = history["kind"] > 0
    assert 0 < seen.mean() < 1
    assert not (seen[:, :-1] & ~seen[:, 1:]).any()
    assert not history[~seen].view(np.uint8).any()
    assert (at_ms(history).max(axis=1) <= log()["asked_ms"].max()).all()


def test_the_same_seed_gives_the_same_bytes_and_another_one_others() -> None:
    few, plan = log()[:128], GanPlan(epochs=2, alone=0.5, batch=64)

    first, second = (synthetic(learn(few, plan, lambda _: None), few, 50, seed=2).tobytes() for _ in range(2))
    other = synthetic(learn(few, GanPlan(epochs=2, alone=0.5, batch=64, seed=1), lambda _: None), few, 50, seed=2)

    assert first == second
    assert first != other.tobytes()


class StoppedError(Exception):
    """Somebody pressed Ctrl-C."""


def stopping(epoch: int, examples: int) -> Callable[[Learning], None]:
    def stop(step: Learning) -> None:
        if (step.epoch, step.examples) == (epoch, examples):
            raise StoppedError

    return stop


def test_a_learning_that_was_stopped_and_goes_on_gives_the_generator_of_one_that_was_not(tmp_path: Path) -> None:
    few, plan = log()[:128], GanPlan(epochs=4, alone=0.5, batch=64, seed=3)
    whole = learn(few, plan, lambda _: None)

    for at in ((2, 64), (4, 128)):
        with pytest.raises(StoppedError):
            learn(few, plan, stopping(*at), Folder(tmp_path, resume=True))
    told: list[Learning] = []
    resumed = learn(few, plan, told.append, Folder(tmp_path, resume=True))

    assert [(step.epoch, step.examples) for step in told] == [(4, 64), (4, 128)]
    expected, came = whole.generator.state_dict(), resumed.generator.state_dict()
    assert all(torch.equal(expected[name], came[name]) for name in expected)


def test_the_critic_joins_late_and_the_curves_show_it(tmp_path: Path) -> None:
    told: list[Learning] = []

    learn(log()[:128], GanPlan(epochs=4, alone=0.5, batch=64), told.append, Folder(tmp_path))

    assert [step.critic is None for step in told] == [True] * 4 + [False] * 4
    curves = EventAccumulator(str(tmp_path / CURVES_FOLDER)).Reload()
    assert [point.step for point in curves.Scalars("loss/next_step")] == [1, 2, 3, 4]
    assert [point.step for point in curves.Scalars("critic/generated")] == [3, 4]


def test_what_the_critic_says_reaches_all_that_the_generator_does() -> None:
    torch.manual_seed(0)
    config = GanConfig(events=(4, 3, 2), numbers=(3, 2), condition=5, width=8, critic_width=8)
    generator, critic, condition = Generator(config), Critic(config), torch.rand(16, 5)

    drawn = generator.drawn(condition)
    critic(*drawn, condition).mean().backward()

    assert all(set(part.unique().tolist()) == {0.0, 1.0} for part in drawn)
    assert all(
        parameter.grad.abs().sum() > 0 for name, parameter in generator.named_parameters() if "tells" not in name
    )


def found_out(critic_weight: float) -> float:
    """What the critic loses at last: 0 where it tells the generator's from the log's, 2 where it cannot."""
    told: list[Learning] = []
    plan = GanPlan(epochs=4, alone=0, batch=64, learning_rate=1e-3, critic_weight=critic_weight)
    learn(log(), plan, told.append)
    return float(np.mean([step.critic for step in told if step.epoch == 4]))


def test_a_critic_finds_out_a_generator_and_less_one_that_listens() -> None:
    deaf, listening = found_out(critic_weight=0), found_out(critic_weight=3)

    assert deaf < 0.4
    assert listening > deaf + 0.15


def test_classes_say_what_an_example_is() -> None:
    real = gather(examples(400, seed=4))
    vocabulary = Vocabulary.of(real)

    back = vocabulary.examples(vocabulary.events_of(real), vocabulary.numbers_of(real), real, np.random.default_rng(0))

    assert np.array_equal(back["history"]["kind"], real["history"]["kind"])
    assert np.array_equal(vocabulary.numbers_of(back), vocabulary.numbers_of(real))
    same = vocabulary.events_of(back) == vocabulary.events_of(real)
    kinds, items, *others = same.mean(axis=(0, 1))
    assert [kinds, *others] == [1] * 4
    assert items > 0.9  # what is new may by chance be what comes again
    known = set(real["history"]["item"].ravel().tolist())
    assert set(back["history"]["item"].ravel().tolist()) <= known


def test_distances_are_none_from_oneself_and_show_what_is_drawn_without_order() -> None:
    blind = independent(log(), np.random.default_rng(0))

    apart = distances(log(), blind)

    assert max(distances(log(), log()).values()) == 0
    assert apart["kind"] < 0.05
    assert apart["kind_to_kind"] > 0.3
    assert apart["newest_kind_and_abandoned"] > 0.3


def test_the_generator_is_nearer_to_the_log_than_chance_in_all_that_has_an_order() -> None:
    found = beside(log(), made())

    for name in ("kind_to_kind", "kind_and_price", "kind_and_same_item", "newest_kind_and_abandoned"):
        assert found[name]["half"] <= found[name]["synthetic"] + 0.05
        assert found[name]["synthetic"] < found[name]["independent"] / 2 + 0.02, name


def test_added_examples_are_learned_from_and_never_judged_on() -> None:
    parts = split(gather(examples(2_000)))
    ours = parts.train[:100].copy()
    ours["shopper"] = NOBODY

    more = with_added(parts, np.concatenate([ours, parts.train[:10]]))

    assert len(more.train) == len(parts.train) + 110
    assert more.validation is parts.validation
    assert more.test is parts.test
    assert {name: added_facts(ours)[name] for name in ("count", "synthetic")} == {"count": 100, "synthetic": 100}
    assert added_facts(parts.train[:10])["synthetic"] == 0


def test_examples_that_may_know_what_comes_later_are_not_added() -> None:
    parts = split(gather(examples(2_000)))

    with pytest.raises(ValueError, match=r"got 3 of 3 that are later.*kairos synthesise LOG"):
        with_added(parts, parts.validation[:3])


def test_a_log_without_events_is_refused_with_what_to_do() -> None:
    empty = log()[:5].copy()
    empty["history"] = 0

    with pytest.raises(ValueError, match="expected examples with events, got none among 5; give a longer log"):
        learn(empty, PLAN, lambda _: None)

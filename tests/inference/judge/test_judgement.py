"""A model is judged on what it has not seen, beside baselines that have not seen it either, and beside the truth."""

import math

import numpy as np
import pytest

from inference.dataset import Split, gather, split
from inference.heads import HEADS
from inference.judge.contenders import LINE, MODEL, OPTIMUM, RULE, TREES, Answers
from inference.judge.draws import Drawing
from inference.judge.judgement import Judgement, judge
from tests.inference.shop import examples

HOW = Drawing(seed=3, times=40)
JUDGED = ("abandon_30m", "next_action")


@pytest.fixture(scope="module")
def parts() -> Split:
    return split(gather(examples(2_000)))


def clever(parts: Split) -> Answers:
    """One that knows the exact probability of abandonment, and nothing of what comes next."""
    asked = np.concatenate([parts.validation, parts.test])
    width = next(head.width for head in HEADS if head.name == "next_action")
    return {"abandon_30m": asked["truth"].copy(), "next_action": np.full((len(asked), width), 1 / width)}


@pytest.fixture(scope="module")
def judged(parts: Split) -> dict[str, Judgement]:
    return {told.head: told for told in judge(clever(parts), parts, HOW)}


def test_only_what_the_model_answers_is_judged_and_everybody_stands_beside_it(judged: dict[str, Judgement]) -> None:
    assert set(judged) == set(JUDGED)
    assert [one.name for one in judged["abandon_30m"].contenders] == [MODEL, RULE, LINE, TREES, OPTIMUM]
    assert list(judged["next_action"].choices) == [MODEL, RULE]


def test_who_knows_the_truth_is_the_optimum_and_no_baseline_is_ahead(judged: dict[str, Judgement]) -> None:
    by_name = {one.name: one for one in judged["abandon_30m"].contenders}

    assert by_name[OPTIMUM].figures == by_name[MODEL].figures
    assert by_name[OPTIMUM].ahead is not None
    assert {one.value for one in by_name[OPTIMUM].ahead.values()} == {0.0}
    for name in (RULE, LINE, TREES):
        ahead = by_name[name].ahead
        assert ahead is not None
        assert 0 < ahead["pr_auc"].value < by_name[MODEL].figures["pr_auc"].value
    assert by_name[TREES].figures["pr_auc"].value > by_name[RULE].figures["pr_auc"].value


def test_intervals_hold_their_figure_and_the_threshold_is_chosen_on_validation(
    judged: dict[str, Judgement], parts: Split
) -> None:
    model = judged["abandon_30m"].contenders[0]

    assert all(one.low <= one.value <= one.high for name, one in model.figures.items() if name != "ece")
    assert model.threshold in parts.validation["truth"]
    assert model.chosen_on == "validation, by F1"


def test_segments_of_a_kind_hold_every_example_once(judged: dict[str, Judgement]) -> None:
    told = judged["abandon_30m"]

    for by in {one.by for one in told.segments}:
        assert sum(one.examples for one in told.segments if one.by == by) == told.examples


def test_nothing_of_the_test_part_reaches_a_baseline_or_a_threshold(parts: Split) -> None:
    """Other labels in the test part change figures, but no answer and no threshold."""
    other = parts.test.copy()
    other["abandon_30m"] = 1 - other["abandon_30m"]
    model = {"abandon_30m": clever(parts)["abandon_30m"]}

    first, again, second = (judge(model, one, HOW)[0] for one in (parts, parts, parts._replace(test=other)))

    assert again == first
    for one, same in zip(first.contenders, second.contenders, strict=True):
        assert one.threshold == same.threshold
        assert [sum(pair) for pair in one.curves.spread] == [sum(pair) for pair in same.curves.spread]


def test_without_labels_a_head_is_not_judged_and_without_those_of_validation_the_threshold_says_so(
    parts: Split,
) -> None:
    nothing, unstopped = parts.test.copy(), parts.validation.copy()
    nothing["abandon_30m"], unstopped["abandon_30m"] = math.nan, math.nan
    model = {"abandon_30m": clever(parts)["abandon_30m"]}

    unknown = judge(model, parts._replace(test=nothing), HOW)[0]
    unchosen = judge(model, parts._replace(validation=unstopped), HOW)[0].contenders[0]

    assert unknown.unjudged == "no label is known in the test part"
    assert unknown.contenders == []
    assert (unchosen.threshold, unchosen.chosen_on) == (0.5, "nothing: validation knows too few labels")

"""Distillation: a small model learns from a large one."""

from functools import cache

import numpy as np
import pytest

from inference.checkpoint import Checkpoint, built
from inference.dataset import Split, gather, split
from inference.distil import Teacher
from inference.train import Plan, evaluate, train
from tests.inference.shop import examples

SMALL = Plan(epochs=8, batch=128, learning_rate=0.01, seed=3, sizes={"width": 8})


@cache
def parts() -> Split:
    return split(gather(examples(3_000, seed=1)))


@cache
def teacher() -> Checkpoint:
    return train(parts(), Plan(epochs=8, batch=128, learning_rate=0.005, seed=3), lambda _: None)


def test_a_student_learns_from_its_teacher_where_no_label_is_known() -> None:
    few = parts().train.copy()
    few["abandon_30m"][40:] = np.nan
    poor = parts()._replace(train=few)

    alone = evaluate(train(poor, SMALL, lambda _: None).model, parts().test)
    taught = evaluate(train(poor, SMALL, lambda _: None, start=Teacher(teacher())).model, parts().test)

    assert taught.abandon_30m.pr_auc > alone.abandon_30m.pr_auc + 0.02


def test_a_student_has_the_sizes_of_its_plan_and_says_who_taught_it() -> None:
    student = train(Split(*(part[:300] for part in parts())), SMALL, lambda _: None, start=Teacher(teacher()))

    assert student.sizes == {"width": 8}
    assert student.model.model.layer.hidden_size == 8
    assert student.facts["taught_by"]["architecture"] == "lstm"
    assert len(student.facts["taught_by"]["sha256"]) == 64


def test_sizes_that_a_model_does_not_have_are_refused_with_those_it_has() -> None:
    with pytest.raises(ValueError, match=r"expected sizes of the lstm \(.*width.*\), got: .*widht"):
        built("lstm", {"widht": 8})
    with pytest.raises(ValueError, match="expected a width that 4 attention heads divide, got 50"):
        built("transformer", {"width": 50})

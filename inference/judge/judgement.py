"""The judgement on a model: each head on the test part, beside what it must beat, by segment, with intervals."""

from collections.abc import Callable
from typing import Any, Final, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from inference.dataset import Examples, Split
from inference.evaluate import action_quality
from inference.heads import HEADS, Head
from inference.judge.contenders import MODEL, Answers, Parts, contenders
from inference.judge.draws import Drawing, Indexes, Interval, intervals
from inference.judge.figures import (
    Came,
    Contender,
    Floats,
    at_threshold,
    best_threshold,
    confusion,
    curves,
    order,
)
from inference.judge.segments import segments

_AHEAD: Final = "ahead "


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """The model on some of the examples: `by` what they differ from the others, and in which `value`."""

    by: str
    value: str
    examples: int
    base_rate: float
    figures: dict[str, Interval]


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """One head on the test part. Of a choice, contenders have accuracy, log loss and ECE alone, and no segments.

    `unjudged` says why there is nothing else.
    """

    head: str
    answers: Literal["chance", "choice"]
    examples: int
    shoppers: int
    base_rate: float | None = None
    contenders: list[Contender] = []
    choices: dict[str, dict[str, Interval]] = {}
    segments: list[Segment] = []
    unjudged: str | None = None


def judge(model: Answers, split: Split, how: Drawing, tell: Callable[[str], None] = lambda _: None) -> list[Judgement]:
    """The judgement on each head that the model answers, whose answers are about validation and then test."""
    found = []
    for head in HEADS:
        if head.name in model:
            tell(head.name)
            found.append(_judged(head, model, split, how))
    return found


def _judged(head: Head, model: Answers, split: Split, how: Drawing) -> Judgement:
    labels = split.test[head.name]
    known, shoppers = labels >= 0, len(np.unique(split.test["shopper"][labels >= 0]))
    told = Judgement(head=head.name, answers=head.answers, examples=int(known.sum()), shoppers=shoppers)
    if len(np.unique(labels[known])) < 2:
        why = "all labels are the same" if known.any() else "no label is known"
        return msgspec.structs.replace(told, unjudged=f"{why} in the test part")
    asked = contenders(head, model, split, how.seed)
    if head.answers == "choice":
        return msgspec.structs.replace(told, choices=_choices(head, asked, split.test, how))
    return msgspec.structs.replace(
        told,
        base_rate=float(labels[known].mean()),
        contenders=[_contender(head, name, asked, split, how) for name in asked],
        segments=_segments(head, asked[MODEL].test, split, how),
    )


def _contender(head: Head, name: str, asked: dict[str, Parts], split: Split, how: Drawing) -> Contender:
    """Judged on the examples for which it has an answer: a simulator may know no exact probability of some."""
    answers, test = asked[name], split.test
    here = (test[head.name] >= 0) & ~np.isnan(answers.test)
    answer, came = answers.test[here].astype(np.float64), test[head.name][here] > 0.5
    threshold, chosen_on = _threshold(answers.validation, split.validation[head.name])
    beside = asked[MODEL].test[here].astype(np.float64)
    shoppers = test["shopper"][here]

    def figures(drawn: Indexes) -> dict[str, float]:
        theirs = order(answer[drawn], came[drawn])
        models = {} if name == MODEL else order(beside[drawn], came[drawn])
        ahead = {_AHEAD + key: value - theirs[key] for key, value in models.items()}
        return theirs | at_threshold(answer[drawn], came[drawn], threshold) | ahead

    found = intervals(figures, shoppers, how)
    return Contender(
        name=name,
        threshold=threshold,
        chosen_on=chosen_on,
        figures={key: one for key, one in found.items() if not key.startswith(_AHEAD)},
        ahead=None
        if name == MODEL
        else {key[len(_AHEAD) :]: one for key, one in found.items() if key.startswith(_AHEAD)},
        confusion=confusion(answer, came, threshold),
        curves=curves(answer, came),
    )


def _threshold(answer: Floats, labels: npt.NDArray[Any]) -> tuple[float, str]:
    known = (labels >= 0) & ~np.isnan(answer)
    came = labels[known] > 0.5
    if not came.any() or came.all():
        return 0.5, "nothing: validation knows too few labels"
    return best_threshold(answer[known].astype(np.float64), came), "validation, by F1"


def _choices(head: Head, asked: dict[str, Parts], test: Examples, how: Drawing) -> dict[str, dict[str, Interval]]:
    here = test[head.name] >= 0
    labels, shoppers = test[head.name][here], test["shopper"][here]
    return {name: _of_choice(parts.test[here], labels, shoppers, how) for name, parts in asked.items()}


def _of_choice(
    answers: Floats, labels: npt.NDArray[Any], shoppers: npt.NDArray[np.uint64], how: Drawing
) -> dict[str, Interval]:
    def figures(drawn: Indexes) -> dict[str, float]:
        found = action_quality(answers[drawn], labels[drawn])
        return {} if found is None else {"accuracy": found.accuracy, "log_loss": found.log_loss, "ece": found.ece}

    return intervals(figures, shoppers, how)


def _segments(head: Head, answers: Floats, split: Split, how: Drawing) -> list[Segment]:
    labels, found = split.test[head.name], []
    for by, values in segments(split.test, split.train).items():
        for value, mask in values.items():
            here = mask & (labels >= 0)
            if here.any():
                shoppers, came = split.test["shopper"][here], labels[here] > 0.5
                told = _of_segment(answers[here].astype(np.float64), came, shoppers, how)
                count, rate = int(here.sum()), float(came.mean())
                found.append(Segment(by=by, value=value, examples=count, base_rate=rate, figures=told))
    return found


def _of_segment(answer: Floats, came: Came, shoppers: npt.NDArray[np.uint64], how: Drawing) -> dict[str, Interval]:
    def figures(drawn: Indexes) -> dict[str, float]:
        return order(answer[drawn], came[drawn]) | {"ece": at_threshold(answer[drawn], came[drawn], 0.5)["ece"]}

    return intervals(figures, shoppers, how)

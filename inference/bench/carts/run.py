"""`kairos bench carts`: the published protocol, or any other test folder."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt
from sklearn.model_selection import GroupShuffleSplit

from inference.baselines.boosted_trees import boosted_trees
from inference.baselines.logistic_regression import logistic_regression
from inference.bench.carts.features import features
from inference.bench.carts.judge import Answers, Figures, Gain, figures, gain
from inference.bench.carts.model import CartModel
from inference.bench.carts.table import Carts, read_carts

SEEDS: Final = (11, 22, 33, 42, 55)
"""The published splits: for each, a fifth of the visitors is the test part."""
_TEST_SHARE: Final = 0.2

Rows = npt.NDArray[np.intp]
Tell = Callable[[str], None]
ByK = dict[int, Answers]


class CartsReport(msgspec.Struct, frozen=True, kw_only=True):
    """The figures by `k`, for the model and the baselines, and what the model has more than the boosted trees.

    `ece`: of the model's answers at all `k` together.
    """

    task: str = "carts"
    ece: float
    k: dict[str, Figures]
    boosted_trees: dict[str, Figures]
    logistic_regression: dict[str, Figures]
    gain_over_boosted_trees: dict[str, Gain]
    splits: int
    seconds: float


def bench_carts(train: Path, test: Path | None, tell: Tell) -> CartsReport:
    """Train and judge: on the published splits of `train`, or, where `test` is given, all of it against all of that.

    Raises `ValueError` on a folder that does not hold such carts.
    """
    began = time.monotonic()
    carts = read_carts(train)
    answers = _published_splits(carts, tell) if test is None else [_split(carts, read_carts(test), SEEDS[0], tell)]
    return _report(answers, time.monotonic() - began, tell)


def _published_splits(carts: Carts, tell: Tell) -> list[ByK]:
    answers = []
    for number, seed in enumerate(SEEDS, start=1):
        tell(f"carts: split {number} of {len(SEEDS)}, seed {seed}")
        train, test = _visitors_apart(carts, seed)
        answers.append(_split(_rows(carts, train), _rows(carts, test), seed, tell))
    return answers


def _visitors_apart(carts: Carts, seed: int) -> tuple[Rows, Rows]:
    """The rows of four fifths of the visitors, and of the others. Raises `ValueError` for less than ten visitors."""
    if len(np.unique(carts.visitor)) < 10:
        msg = f"expected carts of at least 10 visitors, got {len(np.unique(carts.visitor))}"
        raise ValueError(msg)
    train, test = next(
        GroupShuffleSplit(1, test_size=_TEST_SHARE, random_state=seed).split(carts.k, groups=carts.visitor)
    )
    return train, test


def _rows(carts: Carts, rows: Rows) -> Carts:
    return Carts(*(column[rows] for column in carts))


def _split(train: Carts, test: Carts, seed: int, tell: Tell) -> ByK:
    """The answers about the carts of `test`, for each `k` there."""
    unknown = sorted(set(np.unique(test.k)) - set(np.unique(train.k)))
    if unknown:
        msg = f"expected each k of the test part among the training carts, got none for k = {unknown}"
        raise ValueError(msg)
    model = CartModel(seed)
    model.fit(features(train), train.bought, train.visitor)
    tell("carts: the model is trained; asking it and the baselines")
    probability = model.probability(features(test))
    return {int(k): _at(int(k), train, test, probability, seed) for k in np.unique(test.k)}


def _at(k: int, train: Carts, test: Carts, probability: npt.NDArray[np.float64], seed: int) -> Answers:
    """The answers about the carts of `test` at one `k`."""
    learn, ask = _rows(train, np.flatnonzero(train.k == k)), _rows(test, np.flatnonzero(test.k == k))
    return Answers(
        model=probability[test.k == k],
        boosted_trees=boosted_trees(learn.measured, learn.bought, ask.measured, seed),
        logistic_regression=logistic_regression(learn.measured, learn.bought, ask.measured),
        bought=ask.bought,
        visitor=ask.visitor,
    )


def _report(splits: list[ByK], seconds: float, tell: Tell) -> CartsReport:
    tell("carts: the paired intervals, over 1,000 draws of visitors")
    by_k = {str(k): [split[k] for split in splits if k in split] for k in sorted(set().union(*splits))}
    everywhere = [at for answers in by_k.values() for at in answers]
    return CartsReport(
        ece=figures(everywhere, "model").ece,
        k={k: figures(answers, "model") for k, answers in by_k.items()},
        boosted_trees={k: figures(answers, "boosted_trees") for k, answers in by_k.items()},
        logistic_regression={k: figures(answers, "logistic_regression") for k, answers in by_k.items()},
        gain_over_boosted_trees={k: gain(answers, "boosted_trees") for k, answers in by_k.items()},
        splits=len(splits),
        seconds=round(seconds, 1),
    )

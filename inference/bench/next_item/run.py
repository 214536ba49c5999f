"""`kairos bench next-item`: every test prefix, ranked over all items."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.random import Generator

from inference.baselines.most_popular import popularity_ranks
from inference.baselines.sequential_rules import SequentialRules
from inference.baselines.session_neighbours import SessionNeighbours
from inference.bench.next_item.candidates import candidates
from inference.bench.next_item.judge import p_and_mrr, ranks_of, sparse_ranks
from inference.bench.next_item.memory import Memory
from inference.bench.next_item.ranker import Ranker, parts
from inference.bench.next_item.sessions import Ids, Questions, Sessions, every_prefix, numbered, read_test, read_train

SEED: Final = 1
_LATE: Final = 0.08
"""The share of the training sessions, the newest, that the ranker learns from: about the length of a test part."""
_ASKED: Final = 20_000
"""How many of their prefixes at most."""
_FEWEST: Final = 20
"""With fewer training sessions there is nothing to hold back for the ranker."""

Tell = Callable[[str], None]


class Reached(msgspec.Struct, frozen=True, kw_only=True):
    """P@20 and MRR@20 in percent."""

    p20: float
    mrr20: float


class NextItemReport(msgspec.Struct, frozen=True, kw_only=True):
    """P@20 and MRR@20 in percent over `n` prefixes, the baselines', and how long training and ranking took."""

    task: str = "next-item"
    p20: float
    mrr20: float
    n: int
    baselines: dict[str, Reached]
    train_seconds: float
    rank_seconds: float


def bench_next_item(train: Path, test: Path | None, tell: Tell) -> NextItemReport:
    """Train on the training sessions of one folder and judge on the test prefixes of the other, or of the same.

    The ranker learns from the newest training sessions, with a memory of those before; then the memory is counted
    again over all of them. The files are in the order of time (the items of the test are those of the last tenth of
    training more than those of any other). Raises `ValueError` on a folder that does not hold such sessions.
    """
    began = time.monotonic()
    sessions, questions, items = numbered(read_train(train), read_test(test or train))
    memory, ranker = _trained(sessions, items, tell)
    trained = time.monotonic()
    reached = _reached(_ranks(memory, ranker, questions, tell))
    ranked = time.monotonic()
    return NextItemReport(
        p20=reached.p20,
        mrr20=reached.mrr20,
        n=len(questions.targets),
        baselines=_baselines(sessions, items, questions, tell),
        train_seconds=round(trained - began, 1),
        rank_seconds=round(ranked - trained, 1),
    )


def _reached(ranks: Ids) -> Reached:
    p20, mrr20 = p_and_mrr(ranks)
    return Reached(p20=round(p20, 3), mrr20=round(mrr20, 3))


def _baselines(sessions: Sessions, items: int, questions: Questions, tell: Tell) -> dict[str, Reached]:
    tell("next-item: asking the baselines")
    rules, neighbours = SequentialRules(sessions, items), SessionNeighbours(sessions, items)
    reached = {"most_popular": _reached(popularity_ranks(sessions, items)[questions.targets])}
    for name, scores in (("sequential_rules", rules.scores), ("session_neighbours", neighbours.scores)):
        found = [sparse_ranks(part.targets, scores(part.prefixes)) for part in parts(questions)]
        reached[name] = _reached(np.concatenate(found))
    return reached


def _trained(sessions: Sessions, items: int, tell: Tell) -> tuple[Memory, Ranker]:
    if sessions.size < _FEWEST:
        msg = f"expected at least {_FEWEST} training sessions, got {sessions.size}"
        raise ValueError(msg)
    cut = int(sessions.size * (1 - _LATE))
    early, late = sessions.part(0, cut), sessions.part(cut, sessions.size)
    tell(f"next-item: counting {early.size:,} sessions for the ranker to learn with")
    ranker, memory = Ranker(SEED), Memory(early, items)
    asked = _some(every_prefix(late, np.bincount(early.items, minlength=items) > 0), np.random.default_rng(SEED))
    tell(f"next-item: the ranker learns from {len(asked.targets):,} prefixes of the {late.size:,} sessions after them")
    ranker.fit(memory, asked)
    tell(f"next-item: counting all {sessions.size:,} sessions")
    return Memory(sessions, items), ranker


def _some(questions: Questions, rng: Generator) -> Questions:
    """At most `_ASKED` of the questions, in their order."""
    count = len(questions.targets)
    return questions.take(np.sort(rng.choice(count, min(_ASKED, count), replace=False)))


def _ranks(memory: Memory, ranker: Ranker, questions: Questions, tell: Tell) -> Ids:
    ranks: list[Ids] = []
    for part in parts(questions):
        tell(f"next-item: ranked {sum(map(len, ranks)):,} of {len(questions.targets):,} prefixes")
        asked = candidates(memory, part.prefixes)
        ranks.append(ranks_of(part.targets, asked.prefix, asked.item, ranker.score(asked)))
    return np.concatenate(ranks)

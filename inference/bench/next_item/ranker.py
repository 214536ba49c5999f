"""Boosted trees that put the candidates in order, learned from the newest of the training sessions."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingClassifier

from inference.bench.next_item.candidates import Candidates, candidates
from inference.bench.next_item.memory import Memory
from inference.bench.next_item.sessions import Questions

ASKED_AT_ONCE: Final = 1_000


class Ranker:
    """How probable it is that a candidate is what comes next, among the candidates."""

    def __init__(self, seed: int) -> None:
        self._trees = HistGradientBoostingClassifier(
            max_iter=200, learning_rate=0.08, max_leaf_nodes=31, min_samples_leaf=50, l2_regularization=1.0,
            early_stopping=False, random_state=seed,
        )  # fmt: skip

    def fit(self, memory: Memory, questions: Questions) -> None:
        """Learn from questions about sessions that the memory does not hold."""
        found = [self._labelled(memory, part) for part in parts(questions)]
        self._trees.fit(np.concatenate([rows for rows, _ in found]), np.concatenate([label for _, label in found]))

    def score(self, asked: Candidates) -> npt.NDArray[Any]:
        """One number for each candidate, the higher the better."""
        score: npt.NDArray[Any] = self._trees.predict_proba(asked.features)[:, 1]
        return score

    @staticmethod
    def _labelled(memory: Memory, questions: Questions) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
        """The candidates of the questions whose target is among them, and which is the target."""
        asked = candidates(memory, questions.prefixes)
        hit = asked.item == questions.targets[asked.prefix]
        useful = np.zeros(questions.prefixes.size, dtype=bool)
        useful[asked.prefix[hit]] = True
        return asked.features[useful[asked.prefix]], hit[useful[asked.prefix]]


def parts(questions: Questions) -> list[Questions]:
    """The questions in order, a thousand at a time."""
    numbers = np.arange(len(questions.targets))
    return [questions.take(numbers[start : start + ASKED_AT_ONCE]) for start in range(0, len(numbers), ASKED_AT_ONCE)]

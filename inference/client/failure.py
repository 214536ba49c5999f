"""Why a model gave no answer that can be used."""

from typing import Literal

Failure = Literal["deadline", "unavailable", "refused", "wrong_answer"]
"""deadline: too late. unavailable: no server, or not ready. refused: it answered with an error. wrong_answer: with
other shapes than `inference/inputs.py` declares, or with numbers that are no probabilities."""


class NoAnswerError(Exception):
    """A model did not answer, or not with probabilities. The text says what was expected, what came, and where."""

    def __init__(self, failure: Failure, why: str) -> None:
        """Keep the class of the failure for counters, and the sentence for people."""
        super().__init__(why)
        self.failure: Failure = failure

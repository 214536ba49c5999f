"""The last rung: no model. What is decided then follows from rules alone."""

from collections.abc import Sequence

from inference.answers import Answer
from inference.inputs import Request


class RulesScorer:
    """Answers at once, without scores."""

    async def score(self, requests: Sequence[Request]) -> Answer:
        """None for each request."""
        return Answer("rules", None, [None] * len(requests))

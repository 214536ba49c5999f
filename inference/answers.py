"""What a model answers, and the one way to ask it."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from inference.inputs import Request
from schemas.decisions import Mode, Model


class Scores(NamedTuple):
    """Probabilities for one request. `next_action` is over the kinds 0 to 10 of `schemas/kinds.py`, 0 meaning none.

    `pushes`: how much each of `inference.inputs.PUSHED` pushed abandon_30m, as float32, NaN where that is not known;
    empty where nothing is. Bytes, for of most requests nobody asks.
    """

    purchase_24h: float
    abandon_30m: float
    next_action: tuple[float, ...]
    pushes: bytes = b""


class Answer(NamedTuple):
    """The answers to a batch, in its order, and the rung of the ladder that gave them. Rules give no scores: None."""

    mode: Mode
    model: Model | None
    scores: Sequence[Scores | None]


class Scorer(Protocol):
    """Anything that answers requests: Triton, the same model in-process, recorded scores, rules."""

    async def score(self, requests: Sequence[Request]) -> Answer:
        """One answer for each request. A model that does not answer raises `NoAnswerError`; the `Ladder` never does."""

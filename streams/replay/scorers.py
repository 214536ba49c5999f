"""Where the scores of a replay come from: rules alone, the model in this process, or what was recorded."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple, Protocol

import msgspec

from inference.answers import Answer, Scores
from inference.client.failure import NoAnswerError
from inference.repository import ModelMissingError
from schemas.decisions import Decision
from streams.core.asks import Ask
from streams.core.policy.reasons import recorded_pushes
from streams.replay.tally import Tally

BATCH: Final = 256
"""So many requests the model is asked at once. Always as many, but for the last: its last bits depend on it."""
Asked = tuple[Ask, int]
"""An ask, and log time when it came up."""
By = Literal["model", "rules", "recorded"]
NOBODY: Final = Answer("rules", None, [])
"""The answer to an ask without a request: a purchase needs no score."""
RULED: Final = Answer("rules", None, [None])


class Scorer(Protocol):
    """Answers asks in their order, each with log time of its answer.

    `batch`: how many requests it wants at once; 0 for as many as there are.
    """

    @property
    def batch(self) -> int: ...
    def answers(self, asked: Sequence[Asked]) -> Iterable[tuple[Answer, int]]: ...


class ByRules:
    """No model: every decision is taken by rules."""

    batch = 0

    def answers(self, asked: Sequence[Asked]) -> Iterable[tuple[Answer, int]]:
        """At once, without scores."""
        return [(NOBODY if ask.request is None else RULED, now_ms) for ask, now_ms in asked]


class ModelFile(msgspec.Struct, frozen=True, kw_only=True):
    """A model of a Triton repository. `version` None is the newest."""

    repository: str
    name: str
    version: int | None = None


class ByModel:
    """The ONNX model, in this process, on one thread. Raises a one-line `ValueError` where it cannot be loaded."""

    batch = BATCH

    def __init__(self, file: ModelFile) -> None:
        try:
            from inference.client.in_process import InProcessScorer  # noqa: PLC0415  ONNX Runtime is an extra

            self._scorer = InProcessScorer(Path(file.repository), file.name, file.version)
        except ImportError as error:
            msg = f"the model cannot run here: {error}; pip install -e '.[local]', or replay with --scores rules"
            raise ValueError(msg) from error
        except (ModelMissingError, NoAnswerError) as error:
            raise ValueError(str(error)) from error

    def answers(self, asked: Sequence[Asked]) -> Iterable[tuple[Answer, int]]:
        """One call for all requests. Raises `ValueError` where the model's numbers are wrong."""
        requests = [ask.request for ask, _ in asked if ask.request is not None]
        try:
            answer = self._scorer.score_now(requests)
        except NoAnswerError as error:
            raise ValueError(str(error)) from error
        scores = iter(answer.scores)
        for ask, now_ms in asked:
            yield (NOBODY if ask.request is None else Answer(answer.mode, answer.model, [next(scores)])), now_ms


class Known(NamedTuple):
    """What was recorded with a decision that must be known to take it again."""

    answer: Answer
    now_ms: int


class ByRecord:
    """The scores, the rung and the clock that were recorded with each decision; where none was, rules, counted."""

    batch = 0

    def __init__(self, known: Mapping[tuple[str, str], Known], tally: Tally) -> None:
        """`known` is by the shopper and the cause: these do not change with the policy."""
        self._known, self._tally = known, tally

    def answers(self, asked: Sequence[Asked]) -> Iterable[tuple[Answer, int]]:
        """What was recorded about each."""
        for ask, now_ms in asked:
            if ask.request is None:
                yield NOBODY, now_ms
                continue
            known = self._known.get((ask.key.decode(), ask.cause))
            self._tally.undecided += known is None
            yield (RULED, now_ms) if known is None else known


def known(decision: Decision) -> tuple[tuple[str, str], Known]:
    """A recorded decision, as `ByRecord` wants it."""
    decided, scores = decision.decision, None
    if decided.scores:
        scores = Scores(
            decided.scores["purchase_24h"], decided.scores["abandon_30m"], (), recorded_pushes(decided.reasons)
        )
    answer = Answer(decided.mode, decided.model, [scores])
    return (decision.user_id, decision.cause), Known(answer, decision.now_ms)

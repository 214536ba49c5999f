"""The ladder: ask the best model; if it gives no answer in time, the next rung; rules always answer."""

import asyncio
import math
import time
from collections.abc import Callable, Sequence

from inference.answers import Answer, Scorer
from inference.client.breaker import Breaker
from inference.client.failure import Failure, NoAnswerError
from inference.client.rules import RulesScorer
from inference.inputs import Request
from inference.repository import BATCH_SIZES


class Rung:
    """A scorer that may fail, its breaker, and what came of asking it.

    `answered` and `failures` count rounds, `skipped` those that the open breaker kept away; `last_failure` is the last
    one's sentence.
    """

    def __init__(self, scorer: Scorer, breaker: Breaker) -> None:
        """Nothing was asked yet."""
        self.scorer = scorer
        self.breaker = breaker
        self.answered = 0
        self.skipped = 0
        self.failures: dict[Failure, int] = {"deadline": 0, "unavailable": 0, "refused": 0, "wrong_answer": 0}
        self.last_failure = ""

    async def ask(self, requests: Sequence[Request], budget_s: float, now_s: Callable[[], float]) -> Answer | None:
        """The answer, or None: the breaker is open, or there was none within `budget_s`."""
        if not self.breaker.allows(now_s()):
            self.skipped += 1
            return None
        try:
            async with asyncio.timeout(budget_s):
                answer = await self.scorer.score(requests)
        except NoAnswerError as reason:
            self._failed(reason.failure, str(reason), now_s())
            return None
        except TimeoutError:
            self._failed("deadline", f"expected an answer within {budget_s * 1_000:.0f} ms, got none", now_s())
            return None
        self.breaker.succeeded()
        self.answered += 1
        return answer

    def _failed(self, failure: Failure, why: str, now_s: float) -> None:
        self.failures[failure] += 1
        self.last_failure = why
        self.breaker.failed(now_s)


class Ladder:
    """The `Scorer` that decide asks: it never raises for a model that does not answer and is never late.

    `deadline_ms` holds for each call's worth of requests (the largest batch size), so a round that needs three calls
    may take three times as long. Rungs share it: each may use an equal part of what is left.
    """

    def __init__(
        self,
        models: Sequence[Scorer],
        deadline_ms: float = 150.0,
        breaker: Callable[[], Breaker] = Breaker,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """From the best model down; rules stand below the last one. Each rung gets a breaker of its own."""
        self.rungs = tuple(Rung(model, breaker()) for model in models)
        self.ruled = 0  # rounds that rules answered
        self._rules = RulesScorer()
        self._deadline_s = deadline_ms / 1_000
        self._now_s = now_s

    async def score(self, requests: Sequence[Request]) -> Answer:
        """The answer of the highest rung that gives one in time; nothing is asked about nobody."""
        if requests:
            until_s = self._now_s() + self._deadline_s * math.ceil(len(requests) / BATCH_SIZES[-1])
            for place, rung in enumerate(self.rungs):
                budget_s = (until_s - self._now_s()) / (len(self.rungs) - place)
                answer = await rung.ask(requests, budget_s, self._now_s)
                if answer is not None:
                    return answer
            self.ruled += 1
        return await self._rules.score(requests)

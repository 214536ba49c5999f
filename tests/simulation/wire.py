"""The way of one client to the broker and back: what is sent first arrives first."""

import asyncio
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

from aiokafka.errors import (
    CommitFailedError,
    InvalidTxnState,
    KafkaConnectionError,
    KafkaError,
    MessageSizeTooLargeError,
    RequestTimedOutError,
)

from tests.simulation.faults import Asked, Fate
from tests.simulation.loop import Process, current

Apply = Callable[[], Any]
REFUSED: dict[Asked, Callable[[], KafkaError]] = {
    "append": MessageSizeTooLargeError,
    "commit": partial(CommitFailedError, "Commit cannot be completed since the group has already rebalanced"),
    "transaction": InvalidTxnState,
}
"""What a broker says to what it does not do. aiokafka tries again where that helps, so these are the others."""


class Wire:
    """A connection. What is on its way arrives, whatever becomes of the process that sent it."""

    def __init__(self, kind: str) -> None:
        self.process: Process = current()
        self.site = self.process.site
        self.name = f"{self.process.name}/{kind}/{next(self.process.clients)}"
        self.rng = Random(f"{self.site.seed}/{self.name}")
        self.closed = False
        self._arrives_s = 0.0

    def ask(self, apply: Apply, asked: Asked = "other", limit_s: float = 40.0) -> "asyncio.Future[Any]":
        """What `apply` returns at the broker (or a future of it), some milliseconds later.

        Fails with what `apply` raises, with `RequestTimedOutError` where an answer is lost.
        """
        loop, rng = self.site.loop, self.rng
        answer: asyncio.Future[Any] = loop.create_future()
        if self.closed:
            answer.set_exception(KafkaConnectionError("the client is closed"))
            return answer
        outcome = self.site.faults.outcome(asked, rng, loop.time())
        there_s, back_s = 0.0005 + rng.random() * 0.003, 0.0005 + rng.random() * 0.003
        self._arrives_s = max(self._arrives_s, loop.time() + there_s + outcome.late_s)
        if outcome.fate == "lost":
            loop.call_later(limit_s, _fail, answer, RequestTimedOutError(), context=loop.world)
        loop.call_at(self._arrives_s, self._arrive, apply, answer, asked, outcome.fate, back_s, context=loop.world)
        return answer

    def _arrive(self, apply: Apply, answer: "asyncio.Future[Any]", asked: Asked, fate: Fate, back_s: float) -> None:
        loop = self.site.loop
        if fate == "refused":
            loop.call_later(back_s, _fail, answer, REFUSED[asked](), context=loop.world)
            return
        try:
            result = apply()
        except KafkaError as error:
            loop.call_later(back_s, _fail, answer, error, context=loop.world)
            return
        if fate == "lost":
            return
        if isinstance(result, asyncio.Future):
            result.add_done_callback(lambda done: self._back(answer, done.result(), back_s), context=loop.world)
        else:
            self._back(answer, result, back_s)

    def _back(self, answer: "asyncio.Future[Any]", result: Any, back_s: float) -> None:
        self.site.loop.call_later(back_s, _settle, answer, result, context=self.site.loop.world)


def _settle(answer: "asyncio.Future[Any]", result: Any) -> None:
    if not answer.done():
        answer.set_result(result)


def _fail(answer: "asyncio.Future[Any]", error: KafkaError) -> None:
    if not answer.done():
        answer.set_exception(error)

"""The ladder always answers, in time, and says which rung did."""

import asyncio
import time
from collections.abc import Sequence

from inference.answers import Answer, Scores
from inference.client.breaker import Breaker
from inference.client.failure import Failure, NoAnswerError
from inference.client.ladder import Ladder
from inference.inputs import CONTEXT, Request
from schemas.decisions import Mode, Model

SOMEBODY = Request(b"", 0, (0.0,) * len(CONTEXT))
SCORES = Scores(0.2, 0.7, (1.0, *(0.0,) * 10))


class Certain:
    """A model that answers everybody alike."""

    def __init__(self, mode: Mode) -> None:
        self.mode: Mode = mode

    async def score(self, requests: Sequence[Request]) -> Answer:
        return Answer(self.mode, Model(name="certain", version="1"), [SCORES] * len(requests))


class Broken:
    """A model that fails in one way, until it is mended."""

    def __init__(self, failure: Failure) -> None:
        self.failure: Failure = failure
        self.asked = 0
        self.mended = False

    async def score(self, requests: Sequence[Request]) -> Answer:
        self.asked += 1
        if self.mended:
            return await Certain("model").score(requests)
        raise NoAnswerError(self.failure, "expected an answer, got none")


class Slow:
    """A model that takes its time."""

    def __init__(self, takes_s: float) -> None:
        self.takes_s = takes_s

    async def score(self, requests: Sequence[Request]) -> Answer:
        await asyncio.sleep(self.takes_s)
        return await Certain("model").score(requests)


async def test_the_best_model_that_answers_is_taken() -> None:
    ladder = Ladder([Certain("model"), Certain("previous_model")])

    answer = await ladder.score([SOMEBODY, SOMEBODY])

    assert answer.mode == "model"
    assert answer.scores == [SCORES, SCORES]
    assert [rung.answered for rung in ladder.rungs] == [1, 0]


async def test_the_previous_model_answers_for_one_that_fails_and_the_failure_is_counted() -> None:
    ladder = Ladder([Broken("wrong_answer"), Certain("previous_model")])

    answer = await ladder.score([SOMEBODY])

    assert answer.mode == "previous_model"
    assert ladder.rungs[0].failures == {"deadline": 0, "unavailable": 0, "refused": 0, "wrong_answer": 1}
    assert ladder.rungs[0].last_failure == "expected an answer, got none"
    assert ladder.rungs[1].answered == 1
    assert ladder.ruled == 0


async def test_without_any_model_the_rules_answer_without_scores() -> None:
    ladder = Ladder([Broken("unavailable"), Broken("refused")])

    answer = await ladder.score([SOMEBODY, SOMEBODY])

    assert answer == Answer("rules", None, [None, None])
    assert ladder.ruled == 1


async def test_slow_models_share_the_deadline_and_the_last_of_them_may_still_answer() -> None:
    ladder = Ladder([Slow(takes_s=5), Slow(takes_s=0.05)], deadline_ms=400)

    started_s = time.monotonic()
    answer = await ladder.score([SOMEBODY])

    assert answer.mode == "model"
    assert 0.2 <= time.monotonic() - started_s < 1
    assert ladder.rungs[0].failures["deadline"] == 1


async def test_a_deadline_is_kept_when_no_model_answers_in_time() -> None:
    ladder = Ladder([Slow(takes_s=5), Slow(takes_s=5)], deadline_ms=100)

    started_s = time.monotonic()
    answer = await ladder.score([SOMEBODY])

    assert answer.mode == "rules"
    assert time.monotonic() - started_s < 1


async def test_a_round_of_several_batches_has_the_deadline_of_several_calls() -> None:
    ladder = Ladder([Slow(takes_s=0.3)], deadline_ms=200)

    assert (await ladder.score([SOMEBODY] * 1024)).mode == "rules"
    assert (await ladder.score([SOMEBODY] * 2500)).mode == "model"


async def test_a_model_that_keeps_failing_is_left_alone_and_scores_again_once_it_is_mended() -> None:
    clock = [0.0]
    model = Broken("unavailable")
    ladder = Ladder([model], breaker=lambda: Breaker(failures=3, open_s=2), now_s=lambda: clock[0])

    for _ in range(10):
        assert (await ladder.score([SOMEBODY])).mode == "rules"
    assert (model.asked, ladder.rungs[0].skipped) == (3, 7)
    model.mended = True
    assert (await ladder.score([SOMEBODY])).mode == "rules"
    clock[0] = 2.0

    assert (await ladder.score([SOMEBODY])).mode == "model"
    assert ladder.rungs[0].breaker.state == "closed"


async def test_nobody_is_asked_about_nobody() -> None:
    model = Broken("unavailable")
    ladder = Ladder([model])

    assert await ladder.score([]) == Answer("rules", None, [])
    assert (model.asked, ladder.ruled) == (0, 0)

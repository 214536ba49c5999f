"""Runs a log through the decision path at once, and reads what came out."""

from collections.abc import Callable, Iterable

import msgspec

from inference.answers import Answer, Scores
from inference.inputs import Request
from schemas.decisions import Model
from streams.core.asks import Ask
from streams.core.outputs import Output
from streams.core.policy.rules import PolicyRules
from streams.core.shard import Rules, Shard
from streams.pipeline import Partition, Write

POLICY = PolicyRules(id="test", version="1")
RULES_ONLY = Answer("rules", None, ())


RULES = Rules()


def partition(policy: PolicyRules = POLICY, rules: Rules = RULES) -> Partition:
    """A partition that has seen nothing yet."""
    return Partition(Shard(), rules, policy)


def run(part: Partition, records: Iterable, score: Callable[[Request], Scores | None] = lambda _: None) -> list[Output]:
    """Step record by record, answer at once, and commit: everything that was sent."""
    for record in records:
        answer(part, part.step([record]), score)
    return part.commit().outputs


def answer(part: Partition, made: list[Ask], score: Callable[[Request], Scores | None] = lambda _: None) -> None:
    """Answer asks with a score of one's own; the clock says the time of the ask."""
    for ask in made:
        scores = [] if ask.request is None else [score(ask.request)]
        known = any(scores)
        answers = Answer("model" if known else "rules", Model(name="m", version="1") if known else None, scores)
        part.answer([ask], answers, now_ms=ask.at_ms)


def at_risk(abandon: float, purchase: float = 0.5) -> Callable[[Request], Scores]:
    """A model with one answer."""
    return lambda _: Scores(purchase, abandon, ())


def sent(outputs: Iterable[Output]) -> list[dict]:
    """The interventions and retractions among the outputs."""
    return [_body(o) for o in outputs if o.topic.startswith("shop.interventions.cart")]


def suppressed(outputs: Iterable[Output]) -> list[dict]:
    """The suppressed interventions among the outputs."""
    return [_body(o) for o in outputs if "suppressed" in o.topic]


def stored(write: Write) -> dict[bytes, bytes | None]:
    """What a changelog holds after a write."""
    return dict(write.changelog)


def _body(output: Output) -> dict:
    return msgspec.json.decode(output.value)

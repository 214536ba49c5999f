"""Oracle (a): a crash-free run of the same partition over the same timeline, with the scores that were recorded.

It must give the same records to the byte and the same outputs to the byte, each visible exactly once.
"""

from collections import Counter
from collections.abc import Iterator

from inference.answers import Answer, Scores
from schemas.decisions import Decision, decode_decision
from schemas.shopper import META_KEY
from schemas.topics import DECISIONS
from streams.core.asks import Ask
from streams.core.outputs import Output
from streams.core.shard import Rules, Shard
from streams.pipeline import Partition, Write
from tests.model.broker import Broker
from tests.model.decide_process import POLICY
from tests.streams.builders import Record

Recorded = dict[tuple[bytes, str], Decision]
UNRECORDED = Answer("rules", None, [None])


def differences(broker: Broker, rules: Rules) -> Iterator[str]:
    """What a crash-free run does not confirm, each in one word or two."""
    visible = broker.visible()
    decisions = recorded(visible)
    expected: list[Output] = []
    for partition, log in broker.timeline.items():
        free = crash_free(log, decisions, rules)
        expected += free.outputs
        yield from _state(broker.committed_changes(partition), dict(free.changelog))
    have, due = (
        Counter((output.topic, output.value, str(output.headers)) for output in x) for x in (visible, expected)
    )
    ids = Counter(dict(output.headers)["ce_id"] for output in visible)
    if any(count > 1 for count in ids.values()):
        yield "a copy"
    if due - have:
        yield "lost or different"
    if have - due:
        yield "unexpected"


def recorded(visible: list[Output]) -> Recorded:
    """The decisions that a reader of committed records sees, by shopper and cause."""
    found: Recorded = {}
    for output in visible:
        if output.topic == DECISIONS.name:
            decision = decode_decision(output.value)
            found[output.key, decision.cause] = decision
    return found


def crash_free(log: list[Record], decisions: Recorded, rules: Rules) -> Write:
    """One partition steps a log from its beginning, and commits once at its end."""
    part = Partition(Shard(), rules, POLICY)
    for record in log:
        for ask in part.step((record,)):
            decision = decisions.get((ask.key, ask.cause))
            part.answer([ask], *_as_then(ask, decision))
    return part.commit()


def _counted(outputs: list[Output]) -> Counter[tuple[str, bytes, bytes, str]]:
    return Counter((topic, key, value, str(headers)) for topic, key, value, headers in outputs)


def _as_then(ask: Ask, decision: Decision | None) -> tuple[Answer, int]:
    if decision is None:
        return UNRECORDED, ask.at_ms
    decided = decision.decision
    scores = Scores(decided.scores["purchase_24h"], decided.scores["abandon_30m"], ()) if decided.scores else None
    return Answer(decided.mode, decided.model, [scores]), decision.now_ms


def _state(stored: dict[bytes, bytes | None], free: dict[bytes, bytes | None]) -> Iterator[str]:
    if stored.pop(META_KEY, None) != free.pop(META_KEY):
        yield "meta record"
    if {k: v for k, v in stored.items() if v is not None} != {k: v for k, v in free.items() if v is not None}:
        yield "shopper record"

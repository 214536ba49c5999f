"""The oracle: what must stand on Kafka after a run, computed from the timeline of that run without any crash.

State and decisions are a function of one timeline partition and of what was recorded with each decision (scores, rung,
the clock). So whatever was killed, paused or moved during a run, stepping its timeline once, from the beginning, in one
process, gives the same state, decisions, interventions and suppressions to the byte.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from inference.answers import Answer, Scores
from schemas.decisions import Decision, decode_decision
from schemas.shopper import META_KEY, Shopper, decode_meta, encode_meta, encode_shopper
from streams.core.asks import Ask
from streams.core.outputs import Output
from streams.core.policy.answer import intervention_id
from streams.core.policy.rules import PolicyRules
from streams.core.shard import Rules, Shard
from streams.pipeline import Partition

State = dict[bytes, bytes]
"""A changelog partition after compaction: key to value, the meta record among them."""


class Told(NamedTuple):
    """An output, as it stands on a topic (its name without prefix)."""

    topic: str
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


class Recorded(NamedTuple):
    """All that a run left on Kafka, as a reader of committed records sees it.

    `timeline` and `changelog` are by partition, in log order; `told` are decisions, interventions and suppressions.
    """

    timeline: Mapping[int, list[Any]]
    changelog: Mapping[int, State]
    told: list[Told]


class Replayed(NamedTuple):
    """What one crash-free pass over the timeline partitions comes to."""

    changelog: dict[int, State]
    shoppers: dict[bytes, Shopper]
    told: list[Told]


def check(recorded: Recorded, policy: PolicyRules, rules: Rules) -> Replayed:
    """Raises `AssertionError` with the first difference; returns the crash-free run for further questions."""
    expected = replay(recorded, policy, rules)
    _same_outputs(recorded.told, expected.told)
    for number in recorded.timeline:
        _same_state(number, recorded.changelog.get(number, {}), expected.changelog[number])
    return expected


def replay(recorded: Recorded, policy: PolicyRules, rules: Rules) -> Replayed:
    """Step every timeline partition once, as far as its meta record says that the run had come."""
    decisions = {
        decision.decision_id: decision
        for told in recorded.told
        if told.topic == "shop.decisions.v1"
        for decision in [decode_decision(told.value)]
    }
    done = Replayed({}, {}, [])
    for number, records in recorded.timeline.items():
        until = _offset(recorded.changelog.get(number, {}))
        partition = Partition(Shard(), rules, policy)
        for record in records[:until]:
            for ask in partition.step([record]):
                partition.answer([ask], *_recorded_answer(ask, decisions, policy))
        done.told.extend(_told(partition.commit().outputs))
        done.changelog[number] = _state(partition.shard)
        done.shoppers.update(partition.shard.shoppers)
    return done


def _recorded_answer(ask: Ask, decisions: Mapping[str, Decision], policy: PolicyRules) -> tuple[Answer, int]:
    if ask.asked == "purchase":
        return Answer("rules", None, []), ask.at_ms
    decision = decisions.get(intervention_id(ask, "decision", policy.version, ask.cause))
    assert decision is not None, f"the decision about {ask.key!r}, {ask.cause} was lost"
    scores, decided = None, decision.decision
    if decided.scores:
        scores = Scores(decided.scores["purchase_24h"], decided.scores["abandon_30m"], ())
    return Answer(decided.mode, decided.model, [scores] if ask.request else []), decision.now_ms


def _state(shard: Shard) -> State:
    return {key: encode_shopper(shopper) for key, shopper in shard.shoppers.items()} | {
        META_KEY: encode_meta(shard.meta())
    }


def _offset(changelog: State) -> int:
    return decode_meta(changelog[META_KEY]).offset if META_KEY in changelog else 0


def _told(outputs: Iterable[Output]) -> list[Told]:
    return [Told(output.topic, output.key, output.value, tuple(output.headers)) for output in outputs]


def _same_outputs(found: list[Told], expected: list[Told]) -> None:
    twice = [told for told, count in Counter(_id(told) for told in found).items() if count > 1]
    assert not twice, f"{len(twice)} records stand twice for readers of committed records, the first is {twice[0]}"
    missing, extra = Counter(expected) - Counter(found), Counter(found) - Counter(expected)
    assert not missing and not extra, _difference("records on topics", list(missing), list(extra))


def _same_state(number: int, found: State, expected: State) -> None:
    missing = [(key, value) for key, value in expected.items() if found.get(key) != value]
    extra = [(key, value) for key, value in found.items() if expected.get(key) != value]
    assert not missing and not extra, _difference(f"changelog records of partition {number}", missing, extra)


def _difference(what: str, missing: list[Any], extra: list[Any]) -> str:
    first = f"first expected: {missing[:1]}; first found: {extra[:1]}"
    return f"{what} differ: {len(missing)} that a crash-free run has are missing, {len(extra)} are too many; {first}"


def _id(told: Told) -> tuple[str, bytes]:
    return told.topic, dict(told.headers)["ce_id"]

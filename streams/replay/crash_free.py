"""The crash-free run of a recorded timeline: what must stand on Kafka, whatever happened to the workers of the run.

State and decisions are a function of one timeline partition and of what was recorded with each decision (scores, rung,
the clock). So whatever was killed, paused or moved during a run, stepping its timeline once, from the beginning, in one
process, gives the same state, decisions, interventions and suppressions to the byte.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

from inference.answers import Answer, Scores
from schemas.decisions import Decision, decode_decision
from schemas.shopper import META_KEY, Shopper, decode_meta, encode_meta, encode_shopper
from schemas.topics import DECISIONS
from streams.core.asks import Ask
from streams.core.outputs import Output
from streams.core.policy.answer import intervention_id
from streams.core.policy.reasons import recorded_pushes
from streams.core.policy.rules import PolicyRules
from streams.core.shard import Rules, Shard
from streams.pipeline import Partition

Kind = Literal["lost", "unexpected", "duplicates", "wrong_bytes"]
State = dict[bytes, bytes]
"""A changelog partition after compaction: key to value, the meta record among them."""
Named = Mapping[tuple[bytes, str], object]
"""Things by the shopper's key and by what they are called in a difference."""


class Told(NamedTuple):
    """An output, as it stands on a topic (its name without prefix)."""

    topic: str
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]

    @property
    def id(self) -> str:
        """What names it for ever: `ce_id`."""
        return dict(self.headers)["ce_id"].decode()


class Recorded(NamedTuple):
    """All that a run left on Kafka, as a reader of committed records sees it.

    `timeline` and `changelog` are by partition, in log order; `told` are decisions, interventions and suppressions.
    """

    timeline: Mapping[int, list[Any]]
    changelog: Mapping[int, State]
    told: list[Told]


class Replayed(NamedTuple):
    """What one crash-free pass over the timeline partitions comes to. `undecided`: asks without a recorded decision."""

    changelog: dict[int, State]
    shoppers: dict[bytes, Shopper]
    told: list[Told]
    undecided: list[Ask]


class Difference(NamedTuple):
    """One thing that is not as it must be, about the shopper with this key (or the record that is no shopper's).

    `lost`: it should be there and is not; `unexpected`: it should not be there; `duplicates`: it is there twice;
    `wrong_bytes`: it is there and says something else.
    """

    kind: Kind
    key: bytes
    what: str


def replay(recorded: Recorded, policy: PolicyRules, rules: Rules) -> Replayed:
    """Step every timeline partition once, as far as its meta record says that the run had come.

    A partition of which the changelog holds nothing was never stepped: nothing is expected of it.
    """
    decisions = {
        decision.decision_id: decision
        for told in recorded.told
        if told.topic == DECISIONS.name
        for decision in [decode_decision(told.value)]
    }
    done = Replayed({}, {}, [], [])
    for number, records in recorded.timeline.items():
        if not (state := recorded.changelog.get(number)):
            done.changelog[number] = {}
            continue
        until = _offset(state)
        partition = Partition(Shard(), rules, policy)
        for record in records:
            if record.offset >= until:
                break
            for ask in partition.step([record]):
                decision = decisions.get(intervention_id(ask, "decision", policy.version, ask.cause))
                if decision is None and ask.asked != "purchase":
                    done.undecided.append(ask)
                partition.answer([ask], *_recorded_answer(ask, decision))
        done.told.extend(_told(partition.commit().outputs))
        done.changelog[number] = _state(partition.shard)
        done.shoppers.update(partition.shard.shoppers)
    return done


def differences(recorded: Recorded, expected: Replayed) -> list[Difference]:
    """Everything in which the run differs from the crash-free one; nothing where it is the same to the byte."""
    found = [
        Difference("lost", ask.key, f"the decision about {ask.key!r}, {ask.cause}, was never taken")
        for ask in expected.undecided
    ]
    found += [*duplicates(recorded.told), *_outputs(recorded.told, expected.told)]
    for number in recorded.timeline:
        found += _states(number, recorded.changelog.get(number, {}), expected.changelog[number])
    return found


def duplicates(told: Iterable[Told]) -> list[Difference]:
    """The ids that stand more than once on a topic."""
    times = Counter((one.topic, one.id, one.key) for one in told)
    return [
        Difference("duplicates", key, f"{id_} on {topic}, {count} times")
        for (topic, id_, key), count in times.items()
        if count > 1
    ]


def _recorded_answer(ask: Ask, decision: Decision | None) -> tuple[Answer, int]:
    if decision is None:
        return Answer("rules", None, [None] if ask.request else []), ask.at_ms
    scores, decided = None, decision.decision
    if decided.scores:
        scores = Scores(
            decided.scores["purchase_24h"], decided.scores["abandon_30m"], (), recorded_pushes(decided.reasons)
        )
    return Answer(decided.mode, decided.model, [scores] if ask.request else []), decision.now_ms


def _state(shard: Shard) -> State:
    return {key: encode_shopper(shopper) for key, shopper in shard.shoppers.items()} | {
        META_KEY: encode_meta(shard.meta())
    }


def _offset(changelog: State) -> int:
    return decode_meta(changelog[META_KEY]).offset if META_KEY in changelog else 0


def _told(outputs: Iterable[Output]) -> list[Told]:
    return [Told(output.topic, output.key, output.value, tuple(output.headers)) for output in outputs]


def _outputs(found: list[Told], expected: list[Told]) -> Iterator[Difference]:
    there, wanted = ({(told.key, f"{told.id} on {told.topic}"): told for told in side} for side in (found, expected))
    yield from _compared(there, wanted)


def _states(number: int, found: State, expected: State) -> Iterator[Difference]:
    there, wanted = (
        {(key, f"the record of {key!r} in changelog partition {number}"): value for key, value in side.items()}
        for side in (found, expected)
    )
    yield from _compared(there, wanted)


def _compared(found: Named, expected: Named) -> Iterator[Difference]:
    for key, name in expected.keys() - found.keys():
        yield Difference("lost", key, f"{name}: a crash-free run has it")
    for key, name in found.keys() - expected.keys():
        yield Difference("unexpected", key, f"{name}: a crash-free run does not have it")
    for key, name in expected.keys() & found.keys():
        wanted, came = expected[key, name], found[key, name]
        if wanted != came:
            yield Difference("wrong_bytes", key, f"{name}: a crash-free run has {wanted!r}, not {came!r}")

"""Crashes anywhere, again and again, with a model that says something else each time: nothing twice, nothing lost."""

import random
from collections import Counter

import msgspec
import pytest

from inference.answers import Scores
from schemas.shopper import META_KEY, decode_shopper
from schemas.topics import DECISIONS
from streams.core.outputs import Output
from streams.pipeline import Partition, Write
from streams.table.changelog import Restored
from tests.streams.decided import answer, partition, run, sent, suppressed
from tests.streams.random_logs import random_log


class Broker:
    """What committed transactions left behind: a compacted changelog, and topics."""

    def __init__(self) -> None:
        self.changelog: dict[bytes, bytes] = {}
        self.outputs: list[Output] = []

    def take(self, write: Write) -> None:
        self.outputs += write.outputs
        for key, value in write.changelog:
            if value is None:
                self.changelog.pop(key, None)
            else:
                self.changelog[key] = value

    def owner(self) -> Partition:
        """A new owner that has loaded the partition."""
        part, found = partition(), Restored()
        for key, value in self.changelog.items():
            found.apply(key, value)
        part.shard.restore(found.shoppers, found.meta)
        return part


def moody(rng: random.Random):
    """A model whose answers are never the same twice."""
    return lambda _: Scores(rng.random(), rng.random(), ())


def live_through(log, seed: int) -> Broker:
    """Step, emit, commit and crash in any pattern, until the log's end is committed."""
    rng, broker = random.Random(seed), Broker()
    part = broker.owner()
    while broker.owner().shard.offset < len(log.records):
        at = part.shard.offset
        answer(part, part.step(log.records[at : at + rng.randrange(1, 7)]), moody(rng))
        luck = rng.random()
        if luck < 0.3 or part.shard.offset == len(log.records):
            broker.take(part.commit())
        elif luck < 0.6:
            broker.take(part.emit())
        elif luck < 0.7:
            part = broker.owner()
    return broker


def decisions(outputs: list[Output]) -> Counter[str]:
    return Counter(msgspec.json.decode(o.value)["decision_id"] for o in outputs if o.topic == DECISIONS.name)


SEEDS = range(150)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_decision_is_taken_once_however_often_the_process_dies(seed):
    log = random_log(seed, away=seed % 3 == 0)

    outputs = live_through(log, seed).outputs

    assert decisions(outputs) == decisions(run(partition(), log.records, moody(random.Random(seed))))
    assert set(decisions(outputs).values()) <= {1}


@pytest.mark.parametrize("seed", SEEDS)
def test_what_was_sent_agrees_with_itself_whatever_the_model_said_before_a_crash(seed):
    broker = live_through(random_log(seed), seed)
    bodies = sent(broker.outputs)
    nudges = {body["intervention_id"]: body for body in bodies if "retracts" not in body}
    held_back = {body["intervention_id"] for body in suppressed(broker.outputs)}
    retracted = [body["retracts"] for body in bodies if "retracts" in body]
    taken = [msgspec.json.decode(o.value) for o in broker.outputs if o.topic == DECISIONS.name]

    assert len({body["intervention_id"] for body in bodies}) == len(bodies), "one intervention, one copy"
    assert not nudges.keys() & held_back, "what was sent was not held back"
    assert len(set(retracted)) == len(retracted), "taken back once"
    assert set(retracted) <= nudges.keys(), "only what was sent is taken back"
    assert Counter(d["outcome"] for d in taken)["sent"] == len(nudges)
    assert Counter(d["outcome"] for d in taken)["suppressed"] == len(held_back)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_record_of_a_shopper_remembers_exactly_what_was_sent(seed):
    broker = live_through(random_log(seed), seed)
    shoppers = [decode_shopper(value) for key, value in broker.changelog.items() if key != META_KEY]

    remembered = sorted((nudge.id, nudge.retracted) for shopper in shoppers for nudge in shopper.nudges)

    bodies = sent(broker.outputs)
    gone = {body["retracts"] for body in bodies if "retracts" in body}
    ids = [body["intervention_id"] for body in bodies if "retracts" not in body]
    assert remembered == sorted((id_, id_ in gone) for id_ in ids)
    episodes = [nudge.episode for shopper in shoppers for nudge in shopper.nudges]
    assert len(set(episodes)) == len(episodes), "one nudge for each episode"


@pytest.mark.parametrize("seed", SEEDS)
def test_apart_from_what_was_answered_the_state_is_that_of_a_run_without_crashes(seed):
    log = random_log(seed, away=seed % 3 == 0)
    calm = partition()
    run(calm, log.records)

    broker = live_through(log, seed)

    crashed = broker.owner().shard
    for shard in (crashed, calm.shard):
        for shopper in shard.shoppers.values():
            shopper.nudges = ()
    assert crashed.shoppers == calm.shard.shoppers
    assert crashed.meta() == calm.shard.meta()

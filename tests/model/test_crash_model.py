"""Both stages under crashes, zombies, failed transactions, lagging and unowned inputs, and every plausible mistake.

A seed that fails is printed; `python -m tests.model --seed S` runs it alone.
"""

from collections import Counter

import pytest

from schemas.timeline import decode_entry
from schemas.topics import DECISIONS, INTERVENTIONS, SUPPRESSED
from tests.model.mistakes import MISTAKES
from tests.model.runs import run
from tests.model.world import Parts, World

CHUNKS, RUNS_IN_A_CHUNK = 20, 1_000
MOST_RUNS = 1_500
"""How often a mistake may stay without consequences before we say that the model does not see it."""


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_nothing_is_lost_sent_twice_or_made_up_whatever_crashes(chunk):
    for seed in range(chunk * RUNS_IN_A_CHUNK, (chunk + 1) * RUNS_IN_A_CHUNK):
        violations = run(seed, Parts()).violations

        assert not violations, f"python -m tests.model --seed {seed}: {', '.join(sorted(violations))}"


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_noticed(mistake):
    noticed = next((seed for seed in range(MOST_RUNS) if run(seed, MISTAKES[mistake]).violations), None)

    assert noticed is not None


def test_a_seed_always_gives_the_same_run():
    assert [run(seed, Parts()) for seed in range(20)] == [run(seed, Parts()) for seed in range(20)]


def test_the_worlds_hold_what_they_are_made_for():
    met = Counter[str]()
    for seed in range(100):
        world = World(seed, Parts())
        assert world.run()
        met.update(_met(world))

    assert all(met[what] >= 5 for what in EXPECTED), met


EXPECTED = (
    *("crash", "appended twice", "aborted change", "aborted output", "decision without a model"),
    *("nudge", "suppressed", "at risk", "retracted"),
)


def _met(world: World) -> Counter[str]:
    broker, met = world.broker, Counter[str](crash=world.crashes)
    for log in broker.timeline.values():
        sources = [decode_entry(record.value).source for record in log if record.key is not None]
        met["appended twice"] += len(sources) - len(set(sources))
    met["aborted change"] += sum(
        change.transaction.state != "committed" for log in broker.changelog.values() for change in log
    )
    met["aborted output"] += len(broker.outputs) - len(broker.visible())
    for output in broker.visible():
        met["nudge"] += output.topic == INTERVENTIONS["cart_nudge"].name
        met["at risk"] += output.topic == INTERVENTIONS["cart_at_risk"].name
        met["suppressed"] += output.topic == SUPPRESSED.name
        met["retracted"] += b'"retracts"' in output.value
        met["decision without a model"] += output.topic == DECISIONS.name and b'"mode":"rules"' in output.value
    return met

"""One run of the model: a world to its end, judged by all oracles."""

from typing import NamedTuple

from tests.model import oracle_inputs, oracle_replay
from tests.model.recover import recovers
from tests.model.world import Parts, World

RECOVERIES = 2


class Run(NamedTuple):
    """What was wrong (nothing, if all is well), and how much happened."""

    seed: int
    violations: frozenset[str]
    crashes: int
    steps: int


def run(seed: int, parts: Parts) -> Run:
    """The world of a seed, and some crashes of one shopper's record."""
    world = World(seed, parts)
    found = set()
    if world.run():
        found.update(oracle_replay.differences(world.broker, world.site.rules))
        found.update(oracle_inputs.differences(world.shop, world.broker))
    else:
        found.add("stuck")
    if not all(recovers(RECOVERIES * seed + nth, parts.decide) for nth in range(RECOVERIES)):
        found.add("one shopper does not recover")
    return Run(seed, frozenset(found), world.crashes, world.steps)

"""One world: a shop, a broker, and workers that die, live on as zombies, or are absent. All of it from one seed."""

from collections.abc import Callable
from random import Random
from typing import NamedTuple

from tests.model.broker import PARTITIONS, Broker
from tests.model.decide_process import DecideProcess, rules
from tests.model.ingest_process import IngestProcess
from tests.model.process import Loop, Process
from tests.model.shop import END_S, IDLE_S, SOURCES, SPAN_S, Habits, Shop
from tests.model.site import Clock, Site

MOST_STEPS, STEPS_AT_ONCE = 20_000, 20


def any_habits(rng: Random) -> Habits:
    """What may differ between worlds."""
    return Habits(late=rng.random() < 0.4, forgets=rng.random() < 0.25)


class Parts(NamedTuple):
    """What worlds are made of. A mistake is another class in one of these places."""

    ingest: type[IngestProcess] = IngestProcess
    decide: type[DecideProcess] = DecideProcess
    broker: type[Broker] = Broker
    habits: Callable[[Random], Habits] = any_habits


class Slot:
    """A place for a worker: it runs one at a time, from `absent_s` on. `share`: what of the input or log is its."""

    def __init__(self, rng: Random, stage: type[Process], share: tuple) -> None:
        self.stage, self.share = stage, share
        self.live: Process | None = None
        self.absent_s = rng.randrange(60) if rng.random() < 0.1 else 0
        self.weight = rng.choice((2, 5, 10))


class Zombie:
    """A process that lost its place and goes on for some steps."""

    def __init__(self, process: Process, steps: int) -> None:
        self.process, self.steps = process, steps


class World:
    """A seed's world. `run` it; then the oracles look at `shop` and `broker`."""

    def __init__(self, seed: int, parts: Parts) -> None:
        self.rng = rng = Random(seed)
        self.parts = parts
        self.shop = Shop(rng, parts.habits(rng))
        self.broker = parts.broker(self.shop.inputs)
        clock, settings = Clock(self.shop, self.broker), rules(self.shop.habits.forgets)
        self.site = Site(self.shop, self.broker, clock, settings, rng.choice((3, 8, 20)), rng.choice((0, None, None)))
        self.loop = Loop()
        self.clock_rate = rng.choice((0.15, 0.25, 0.6))
        self.crash_rate = rng.choice((0.01, 0.02, 0.05))
        self.slots = [Slot(rng, parts.ingest, share) for share in _cut(rng, tuple(SOURCES))]
        self.slots += [Slot(rng, parts.decide, share) for share in _cut(rng, PARTITIONS)]
        self._turns = [slot for slot in self.slots for _ in range(slot.weight)]
        self.zombies: list[Zombie] = []
        self.steps = self.crashes = 0

    def run(self) -> bool:
        """Until everything is read and written; False when that does not come."""
        with self.loop:
            while self.steps < MOST_STEPS and not self._drained():
                for _ in range(STEPS_AT_ONCE):
                    self._step()
            self._end()
        return self.steps < MOST_STEPS

    def _step(self) -> None:
        rng, broker = self.rng, self.broker
        self.steps += 1
        broker.now_s += rng.random() < self.clock_rate and broker.now_s < END_S
        faults = broker.faults
        turns = self._turns if faults else self.slots
        slot = turns[int(rng.random() * len(turns))]
        if faults and slot.live is not None and rng.random() < self.crash_rate:
            self._crash(slot, slot.live)
        if faults and self.zombies and rng.random() < 0.3:
            self._zombie_steps(rng.choice(self.zombies))
        if slot.live is None and (broker.now_s >= slot.absent_s or not faults):
            slot.live = self._started(slot)
        if slot.live is not None and not slot.live.step(calm=not faults):
            slot.live = None

    def _crash(self, slot: Slot, process: Process) -> None:
        self.crashes += 1
        slot.live = None
        if self.rng.random() < 0.4:
            self.zombies.append(Zombie(process, self.rng.randrange(1, 60)))
            return
        process.kill()
        if self.rng.random() < 0.15:
            slot.absent_s = self.broker.now_s + self.rng.randrange(60)

    def _zombie_steps(self, zombie: Zombie) -> None:
        zombie.steps -= 1
        if not zombie.process.step() or not zombie.steps:
            zombie.process.kill()
            self.zombies.remove(zombie)

    def _started(self, slot: Slot) -> Process:
        return slot.stage(self.loop, self.rng, self.site, slot.share)

    def _drained(self) -> bool:
        broker, deadlines_ms = self.broker, self.shop.at_ms(SPAN_S + IDLE_S)
        return (
            broker.now_s == END_S
            and all(broker.input_commit[source] == len(records) for source, records in broker.inputs.items())
            and all(broker.commit[p] == len(log) for p, log in broker.timeline.items())
            and all(ticked_ms > deadlines_ms for ticked_ms in broker.ticked_ms.values())
        )

    def _end(self) -> None:
        for process in [slot.live for slot in self.slots if slot.live] + [zombie.process for zombie in self.zombies]:
            process.kill()


def _cut(rng: Random, things: tuple) -> list[tuple]:
    """The things among one, two or three workers."""
    shares: list[list] = [[] for _ in range(rng.randrange(1, 4))]
    for thing in things:
        rng.choice(shares).append(thing)
    return [tuple(share) for share in shares if share]

"""One world: a shop, a broker, three workers, and what goes wrong. All of it from one seed, on virtual time."""

import random
from operator import itemgetter
from pathlib import Path
from random import Random
from typing import Any, Final

from faust.types import TP

from schemas.progress import Clock, encode
from schemas.topics import CLOCK, INPUTS, TIMELINE, TOPICS
from streams.settings import Settings
from tests.simulation.broker import Broker
from tests.simulation.disk import Disk
from tests.simulation.faults import Faults
from tests.simulation.group import Group
from tests.simulation.loop import Deadlock, Loop
from tests.simulation.marker import batch_of
from tests.simulation.shop import IDLE_S, INPUT_PARTITIONS, LATE_S, SPAN_S, Shop, at_ms
from tests.simulation.site import Site
from tests.simulation.worker import Parts, Slot

WORKERS, PARTITIONS = 3, 3
SESSION_S: Final = 6.0
OPENS_S: Final = 2.0
SPEED: Final = 20
"""Log time against virtual time."""
CLOCK_EVERY_S: Final = 0.5
CLOCK_LATE_S: Final = 7.0
"""How late it is heard: two requests in a row that are slow by three seconds."""
FAULTS_END_S: Final = OPENS_S + SPAN_S / SPEED
RUN_ON_S: Final = IDLE_S + 4 * LATE_S
PROGRESS_LIMIT_S: Final = 60.0
LOOK_EVERY_S: Final = 0.25


def settings(rng: Random) -> Settings:
    """Those of a worker, on log time of the clock topic. Half of the worlds keep shoppers on disk, few in memory."""
    return Settings(
        broker="127.0.0.1:1", app_id="simulated", timeline_partitions=PARTITIONS, transactions="on", clock="topic",
        lateness_s=LATE_S, cart_idle_s=IDLE_S, session_timeout_s=SESSION_S, metrics_port=0, model="simulated",
        policy=str(Path(__file__).with_name("policy.toml")), data_dir="unused",
        shoppers_in_memory=rng.choice((0, 0, 1, 6)), standbys=rng.choice((0, 1, 1, 2)),
    )  # fmt: skip


class World:
    """A seed's world. `run` it; then the oracles look at `broker`, `shop` and the endings of `slots`."""

    def __init__(self, seed: int, parts: Parts, folder: Path) -> None:
        """`folder` is for the disks of its machines."""
        rng = Random(seed)
        self.seed, self.rng = seed, rng
        self.shop = Shop(rng)
        self.loop = Loop()
        self.broker = Broker(self.loop, _topics())
        self.settings = settings(Random(f"{seed}/settings"))
        self.group = Group(self.broker, Random(f"{seed}/group"), SESSION_S, self.settings.standbys)
        self.site = Site(seed, self.loop, self.broker, self.group, Faults(rng, FAULTS_END_S), [])
        self.disks = [Disk(folder / f"{number}", Random(f"{seed}/disk/{number}")) for number in range(WORKERS)]
        self.slots = [Slot(self.site, self.settings, number, parts, disk) for number, disk in enumerate(self.disks)]
        self.told_ms = -1
        self.happened: list[str] = []
        self._pauses: list[tuple[str, float, float]] = []
        self._away: list[tuple[float, float]] = []
        self._left = iter(self.shop.arrivals)
        self._next = next(self._left, None)
        self._done = False

    def run(self) -> bool:
        """Until everything is read and written; False when that does not come in time."""
        random.seed(self.seed)  # libraries choose with it
        for slot in self.slots:
            self._at(self.rng.random(), slot.start)
        self._at(OPENS_S, self._feed)
        self._plan()
        self._look()
        try:
            return self.loop.run_until(lambda: self._done, FAULTS_END_S + PROGRESS_LIMIT_S)
        except Deadlock:
            return False

    def unfinished(self) -> list[str]:
        """What is not read or not written yet."""
        broker = self.broker
        found = [
            f"{tp.topic}/{tp.partition}: {broker.committed.get(tp, 0)} of {log.end}"
            for tp, log in broker.logs.items()
            if tp.topic in _READ and broker.committed.get(tp, 0) != log.end
        ]
        owned = [found for slot in self.slots if slot.worker for found in slot.worker.owners.watermarks().items()]
        due_ms = at_ms(SPAN_S + RUN_ON_S) - LATE_S * 1_000
        once = sorted(number for number, _ in owned) == list(range(PARTITIONS))
        if not once or min(owned, key=itemgetter(1))[1] < due_ms:
            found.append(f"watermarks by partition {owned}, each should have one owner and be at {due_ms}")
        found += [f"worker {slot.number}" for slot in self.slots if slot.process is None or slot.process.paused]
        return found

    def paused_between(self, client: str, began_s: float, ended_s: float) -> bool:
        """Whether the process of a client stood still for some of that time."""
        name = client.partition("/")[0]
        return any(who == name and from_s < ended_s and until_s > began_s for who, from_s, until_s in self._pauses)

    def model_excused(self, at_s: float, again_s: float) -> bool:
        """Whether the model was away at that time, or has not been back for so long, or a worker stood still.

        `at_s` is what the worker took for the time: it may be behind, by as much as the clock topic comes late.
        """
        away = self._away + [(from_s, until_s) for _, from_s, until_s in self._pauses]
        return any(from_s - CLOCK_LATE_S <= at_s <= until_s + again_s for from_s, until_s in away)

    def _at(self, at_s: float, what: Any, *arguments: Any) -> None:
        self.loop.call_at(at_s, what, *arguments, context=self.loop.world)

    def _look(self) -> None:
        over = self.loop.time() > FAULTS_END_S
        self._done = over and not self.unfinished()
        self._at(self.loop.time() + LOOK_EVERY_S, self._look)

    def _feed(self) -> None:
        """Append what is due, then tell what time it is."""
        log_s = (self.loop.time() - OPENS_S) * SPEED
        while self._next is not None and self._next.at_s < log_s:
            self.broker.append(self._next.tp, batch_of([(None, self._next.value, ())]), 1)
            self._next = next(self._left, None)
        self.told_ms = at_ms(min(log_s, SPAN_S + RUN_ON_S))
        self.broker.append(TP(CLOCK.name, 0), batch_of([(None, encode(Clock(at_ms=self.told_ms)), ())]), 1)
        if log_s < SPAN_S + RUN_ON_S:
            self._at(self.loop.time() + CLOCK_EVERY_S, self._feed)

    def _plan(self) -> None:
        """What the nemesis will do, and when."""
        rng = self.rng
        kinds = rng.sample((self._kill, self._pause, self._terminate, self._storm, self._model), rng.randrange(1, 6))
        for _ in range(rng.randrange(2, 9)):
            self._at(rng.uniform(1.0, FAULTS_END_S - 1), rng.choice(kinds))

    def _kill(self) -> None:
        process = self.rng.choice(self.slots).process
        if process is not None:
            self._note(f"kill {process.name}")
            process.kill()

    def _pause(self) -> None:
        process = self.rng.choice(self.slots).process
        if process is not None and not process.paused:
            seconds = self.rng.choice((0.5, 3.0, SESSION_S + 2, SESSION_S + 6))
            self._note(f"pause {process.name} for {seconds} s")
            process.pause()
            self._pauses.append((process.name, self.loop.time(), self.loop.time() + seconds))
            self._at(self.loop.time() + seconds, process.resume)

    def _terminate(self) -> None:
        slot = self.rng.choice(self.slots)
        self._note(f"terminate worker-{slot.number}")
        slot.terminate()

    def _storm(self) -> None:
        self._note("storm")
        for _ in range(self.rng.randrange(1, 5)):
            self._at(self.loop.time() + self.rng.random() * 5, self.group.rebalance)

    def _model(self) -> None:
        faults = self.site.faults
        faults.model = self.rng.choice(("down", "slow", "nan", "shape"))
        self._note(f"model {faults.model}")
        up_s = self.loop.time() + self.rng.uniform(1, 8)
        self._away.append((self.loop.time(), up_s))
        self._at(up_s, self._model_up)

    def _model_up(self) -> None:
        self.site.faults.model = "up"

    def _note(self, what: str) -> None:
        self.happened.append(f"{self.loop.time():.3f} {what}")


_READ: Final = {topic.name for topic in INPUTS} | {TIMELINE.name}


def _topics() -> dict[str, int]:
    inputs = {topic.name: count for topic, count in INPUT_PARTITIONS.items()}
    return {topic.name: inputs.get(topic.name) or (PARTITIONS if topic.partitions != 1 else 1) for topic in TOPICS}

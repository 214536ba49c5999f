"""A place for a worker: the production app in a simulated process, and the supervisor that starts it again."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any, Final, NamedTuple

from faust.types.transports import TransportT
from yarl import URL

from inference.answers import Scorer
from inference.client.ladder import Ladder
from streams.app import build
from streams.exit_codes import ExitCode
from streams.outside import Outside
from streams.settings import Settings
from streams.transport.fatal import end_process, exit_code_of
from streams.watchdog import LOOK_EVERY_S, Watchdog
from streams.worker import Worker
from tests.simulation.clients import Admin, Client, Follower
from tests.simulation.disk import Disk
from tests.simulation.driver import Transport
from tests.simulation.loop import Process
from tests.simulation.models import SimulatedScorer
from tests.simulation.producers import TransactionalProducer
from tests.simulation.site import Site

STOP_LIMIT_S: Final = 9.0
AGAIN_S: Final = (0.5, 2.0)


class Ending(NamedTuple):
    """How a process ended; None: it was killed."""

    at_s: float
    name: str
    code: ExitCode | None
    reason: str


class Parts(NamedTuple):
    """What a worker is made of. A mistake is something else in one of these places."""

    build: Callable[[Settings, Scorer, Outside], Worker] = build
    transport: type[TransportT] = Transport
    producer: Callable[..., Any] = TransactionalProducer
    client: Callable[..., Any] = Client
    ladder: type[Ladder] = Ladder


class Slot:
    """One worker runs here at a time. `endings` are those of all."""

    def __init__(self, site: Site, settings: Settings, number: int, parts: Parts, disk: Disk) -> None:
        self.site, self.settings, self.number, self.parts = site, settings, number, parts
        self.disk = disk
        self.endings: list[Ending] = []
        self.process: Process | None = None
        self.worker: Worker | None = None
        self._rng = Random(f"{site.seed}/slot/{number}")
        self._started = 0

    def start(self) -> None:
        """Begin a new process."""
        self._started += 1
        self.process = process = Process(self.site.loop, f"worker-{self.number}.{self._started}", self.site)
        process.on_end.append(self._ended)
        process.run(self._main(process))

    def terminate(self) -> None:
        """As SIGTERM."""
        process, worker = self.process, self.worker
        if process is not None and process.alive and worker is not None:
            process.run(self._stop(process, worker))
            process.run(_late(STOP_LIMIT_S))

    async def _main(self, process: Process) -> None:
        loop, parts, faults = self.site.loop, self.parts, self.site.faults
        model = SimulatedScorer(faults, Random(f"{self.site.seed}/model/{process.name}"))
        outside = Outside(parts.producer, Follower, parts.client, Admin, loop.time, _watch)
        worker = parts.build(self.settings, parts.ladder([model], now_s=loop.time), outside)
        if worker.owners._stores is not None:
            worker.owners._stores = self.disk.stores(self.settings.app_id)
        transport = parts.transport([URL(f"blocks://{self.settings.broker}")], worker.app)
        worker.app.transport = worker.app.producer_transport = transport
        self.worker = worker
        try:
            await worker.app.start()
            await worker.app.wait_until_stopped()
        except Exception as error:  # noqa: BLE001  as Faust's own worker: whatever it is, the process ends
            end_process(exit_code_of(error), f"the app failed: {error!r}")

    async def _stop(self, process: Process, worker: Worker) -> None:
        """Faust calls its two handlers in an order that comes from memory addresses; here chance decides it."""
        first = self._rng.random()
        if worker._tasks:  # it has started
            await (worker.stop() if first < 0.5 else worker.app.consumer._let_go_of_all())
        await worker.app.stop()
        process.end(ExitCode.OK, "stopped")

    def _ended(self) -> None:
        process, self.process, self.worker = self.process, None, None
        assert process is not None
        loop = self.site.loop
        code, reason = process.exit or (None, "killed")
        self.disk.ended(killed=code is None)
        self.endings.append(Ending(loop.time(), process.name, code, reason))
        loop.call_later(self._rng.uniform(*AGAIN_S), self.start, context=loop.world)


async def _late(limit_s: float) -> None:
    await asyncio.sleep(limit_s)
    end_process(ExitCode.NO_PROGRESS, f"not stopped {limit_s:.0f} s after the signal")


def _watch(dog: Watchdog) -> None:
    """A watchdog without a thread."""
    asyncio.get_running_loop().create_task(_look(dog))


async def _look(dog: Watchdog) -> None:
    while not dog.stuck:
        await asyncio.sleep(LOOK_EVERY_S)
        dog.look()
    end_process(ExitCode.NO_PROGRESS, "expected progress, got none")

"""What a demo feeds, and when which part of it was sent."""

import time
from collections.abc import Iterator
from itertools import takewhile

from streams.demo.plan import Plan
from streams.demo.witness import Witness
from streams.feed import Arrival
from streams.feeder import Feeder, run_on_ms
from streams.settings import Settings
from streams.simulate import START_MS, simulate


class Feed:
    """One feed: a recorded log to its end, or the simulated shop; then log time runs on until every cart resolves."""

    def __init__(self, plan: Plan, settings: Settings) -> None:
        self.log_ms = -1
        self._plan, self._settings = plan, settings
        self._feeder = Feeder(settings, plan.speed, on_progress=self._progress)
        self.witness = Witness(self._feeder, round(settings.lateness_s * 1000))

    async def run(self) -> None:
        """Feed everything. Raises `NoBroker`, `SendFailed` and `UnreadableFile`."""
        await self._feeder.feed(self.witness.noting(self._arrivals()))

    @property
    def share(self) -> float:
        """How much of it is sent, in [0, 1]."""
        log = self._plan.log
        if log is not None:
            return log.file.position / max(log.file.size, 1)
        whole_ms = self._plan.open_ms(self._settings) + run_on_ms(self._settings)
        return min(1.0, max(0, self.log_ms - START_MS) / whole_ms)

    @property
    def told_ms(self) -> int:
        """The log time told last, -1 before the first."""
        told = self._feeder.clocks.pairs
        return told[-1][0] if told else -1

    def busy_s(self) -> float:
        """Wall time from the first record sent to now, without the run-on: call it when all was decided on."""
        sent, clocks = self._feeder.sent.pairs, self._feeder.clocks.pairs
        return sent[-1][1] - sent[0][1] + time.time() - clocks[-1][1] if sent else 0.0

    def _progress(self, log_ms: int) -> None:
        self.log_ms = log_ms

    def _arrivals(self) -> Iterator[Arrival]:
        """Of the simulated shop what arrives while it is open: carts that are open then resolve in the run-on."""
        plan = self._plan
        if plan.log is not None:
            return plan.log.arrivals()
        open_ms = plan.open_ms(self._settings)
        arrivals = simulate(plan.seed, plan.shoppers, open_ms)
        return takewhile(lambda arrival: arrival.at_ms < START_MS + open_ms, arrivals)

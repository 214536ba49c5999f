"""One demo, from the first event to the summary: the servers run, the topics are there, the worker has been started."""

import asyncio
import signal
import sys
import time
from collections import deque

from schemas.topics import INTERVENTIONS
from streams.accounts import Carts, Input
from streams.core.ticks import EVERY_MS
from streams.demo.company import accompanied
from streams.demo.feed import Feed
from streams.demo.live import Status, View
from streams.demo.plan import Plan
from streams.demo.readback import read_back
from streams.demo.scrape import Seen, scraped
from streams.demo.summary import Summary
from streams.demo.tally import COUNTED, Tally
from streams.demo.worker_process import until_ready, watch
from streams.embedded.process import ServerError, ServerProcess
from streams.follow import Followed, follow
from streams.settings import Settings

LOOK_EVERY_S = 0.25
SHOW_EVERY_S = 0.5
RATE_OVER = 6  # looks
STANDS_STILL_S = 30.0
STOPPED_WITHIN_S = 12.0


class Session:
    """Feeds, waits until everything is decided on, stops the worker, and counts what is in the topics."""

    def __init__(self, plan: Plan, settings: Settings, worker: ServerProcess, view: View) -> None:
        self._plan, self._settings, self._worker, self._view = plan, settings, worker, view
        self._feed = Feed(plan, settings)
        self._seen: Seen | None = None
        self._busy_s = 0.0

    async def run(self, began_s: float) -> Summary:
        """The whole demo. `began_s`: when the command began, on `time.time`. Errors: one-line, of all parts."""
        _end_on_sigterm()
        await accompanied(self._work(), *(self._follow(topic.name) for topic in INTERVENTIONS.values()))
        self._view.phase("reading the topics back")
        tally = Tally()
        await read_back(self._settings, COUNTED, tally.take)
        self._require_committed(tally)
        return self._summary(tally, began_s)

    async def _work(self) -> None:
        self._view.phase("waiting for the worker")
        await until_ready(self._worker, self._settings)
        self._view.phase("feeding")
        await accompanied(self._feed_all(), self._look(), self._show(), watch(self._worker))
        self._view.phase("stopping the worker")
        await asyncio.to_thread(self._worker.stop, STOPPED_WITHIN_S)

    async def _feed_all(self) -> None:
        await self._feed.run()
        self._view.phase("waiting until everything is decided on")
        await self._until_processed()
        self._busy_s = self._feed.busy_s()

    async def _until_processed(self) -> None:
        """Everything that was sent is decided on when the watermark has passed the end of the run-on."""
        before, moved_s = self._seen, time.monotonic()
        while self._seen is None or self._seen.watermark_ms < self._last_ms():
            await asyncio.sleep(LOOK_EVERY_S)
            if self._seen is not None and (before is None or self._seen[4:6] != before[4:6]):
                before, moved_s = self._seen, time.monotonic()
            if time.monotonic() - moved_s > STANDS_STILL_S:
                raise ServerError(self._standstill())

    def _last_ms(self) -> int:
        """The last TICK is no earlier than this."""
        return self._feed.told_ms - round(self._settings.lateness_s * 1000) - EVERY_MS

    def _standstill(self) -> str:
        seen, still = self._seen, f"the worker has stood still for {STANDS_STILL_S:.0f} s"
        if seen is None:
            return f"{still}, and its metrics were never read: {self._worker.last_lines()}"
        behind_s = (self._last_ms() - seen.watermark_ms) / 1000
        return (
            f"{still}: its watermark is {behind_s:,.0f} s of log time behind, held back by {seen.held_by}, with "
            f"{seen.lag:,} records waiting; its log: {self._worker.last_lines()}"
        )

    def _require_committed(self, tally: Tally) -> None:
        reached = [tally.watermarks_ms.get(number, -1) for number in range(self._settings.timeline_partitions)]
        if min(reached) < self._last_ms():
            late = reached.index(min(reached))
            msg = f"the worker ended without its last commit of timeline partition {late}: {self._worker.last_lines()}"
            raise ServerError(msg)

    async def _look(self) -> None:
        while True:
            self._seen = await asyncio.to_thread(scraped, self._settings.metrics_port) or self._seen
            await asyncio.sleep(LOOK_EVERY_S)

    async def _show(self) -> None:
        looks: deque[tuple[float, Seen]] = deque(maxlen=RATE_OVER)
        while True:
            await asyncio.sleep(SHOW_EVERY_S)
            if self._seen is not None:
                looks.append((time.monotonic(), self._seen))
                self._view.show(self._status(*looks[0], looks[-1][0]))

    def _status(self, before_s: float, before: Seen, now_s: float) -> Status:
        feed, witness, seen = self._feed, self._feed.witness, self._seen or before
        seconds = max(now_s - before_s, SHOW_EVERY_S)
        return Status(
            seen=seen,
            events_per_s=(seen.records - before.records) / seconds,
            scores_per_s=(seen.scores - before.scores) / seconds,
            latency=witness.latency(),
            kinds=dict(witness.kinds),
            retracted=witness.retracted,
            latest=list(witness.latest),
            log_ms=feed.log_ms,
            speed=self._plan.speed,
            share=feed.share,
        )

    async def _follow(self, topic: str) -> None:
        quick = {"bootstrap_servers": self._settings.broker, "fetch_max_wait_ms": 50}
        await follow(quick, Followed(self._settings.topic_prefix + topic, self._feed.witness.heard))

    def _summary(self, tally: Tally, began_s: float) -> Summary:
        added, witness = tally.carts(), self._feed.witness
        modes = tally.scores()
        return Summary(
            input=Input(
                read=len(tally.read),
                timeline=len(tally.timeline),
                dead_letters=len(tally.dead),
                duplicates=added["duplicates"],
            ),
            carts=Carts.of(added),
            purchases=added["orders"],
            scores=sum(modes.values()),
            modes=modes,
            interventions=tally.interventions(),
            suppressed=tally.reasons(),
            retractions=len(tally.retracted),
            first_intervention_s=None if witness.first_s is None else round(witness.first_s - began_s, 2),
            latency_ms=witness.latency(),
            events_per_s=round(len(tally.read) / self._busy_s, 1) if self._busy_s else 0.0,
        )


def _end_on_sigterm() -> None:
    """SIGTERM ends a demo as Ctrl-C does, and everything is stopped."""
    task = asyncio.current_task()
    if sys.platform != "win32" and task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)

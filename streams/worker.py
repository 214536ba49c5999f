"""One worker: the Faust app with its stages, and everything around them that lives as long as the process."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, cast

import faust
from aiokafka.errors import KafkaError
from faust.types import TP

from inference.answers import Scorer
from schemas.progress import Progress, encode
from schemas.topics import CLOCK, INPUTS, PROGRESS, TIMELINE
from streams.clock import AppendTimeError, BrokerClock, LogClock, TopicClock, WallClock
from streams.connection import InputTopics, connection
from streams.core.clean import CleanRules
from streams.core.policy.rules import PolicyRules
from streams.decide import ALL, Decide
from streams.follow import Followed, follow
from streams.ingest import Ingest, Names, Read, Sent
from streams.known_inputs import KnownInputs
from streams.outside import Outside
from streams.owners import Owners
from streams.progress import InputPartition, ProgressKeeper
from streams.settings import Settings
from streams.ticker import Ticker
from streams.transport.consumer import Consumer
from streams.transport.fatal import end_if_failed
from streams.transport.producer import Producer
from streams.watchdog import Watchdog

CHECK_EVERY_S = 1.0
HEAR_TIME_EVERY_S = 5.0
APPEND_TIME = 1  # aiokafka's number of it
LOG_APPEND_TIME = "message.timestamp.type=LogAppendTime"
FOLLOWED_LIMIT_S = 50.0
STUCK_S = 50.0
PROBE_LIMIT_S = 10.0

log = logging.getLogger(__name__)


class Worker:
    """Holds the parts of a worker together. `app` is the Faust app that it belongs to."""

    def __init__(
        self, app: faust.App, settings: Settings, policy: PolicyRules, scorer: Scorer, outside: Outside
    ) -> None:
        self.app, self.settings, self._outside = app, settings, outside
        self.connection = connection(settings)
        self.clock = _clock(settings)
        self.decide = Decide(scorer, self.clock, outside.now_s, in_memory=settings.shoppers_in_memory or ALL)
        self.owners = Owners(app, settings, policy, self.decide, outside)
        self.ingest = Ingest(self._send, self._names(), self._clean_rules(), self._acknowledged)
        self.progress = ProgressKeeper(self.clock, self._ends, self._publish)
        self._input_topics = InputTopics(self.connection, self._inputs(), outside.admin)
        self.inputs = KnownInputs(self._input_topics.partitions, self.clock)
        lateness_ms = round(settings.lateness_s * 1_000)
        self.ticker = Ticker(self._append_tick, self.inputs, self.owners.watermarks, lateness_ms)
        self._tasks: list[asyncio.Task[Any]] = []
        self._joined = False

    def name(self, topic: str) -> str:
        """The name of a topic on this broker."""
        return self.settings.topic_prefix + topic

    async def start(self) -> None:
        """Begin what runs beside the agents: followers, rounds, ticks, progress. A failure of any ends the process."""
        if isinstance(self.clock, BrokerClock):
            await asyncio.wait_for(self._hear_time(self.clock), FOLLOWED_LIMIT_S)
            self._run("clock", self._hear_times(self.clock))
        await self.inputs.ask()
        if isinstance(self.clock, TopicClock):
            await self._follow(CLOCK.name, self.clock.heard)
        await self._follow(PROGRESS.name, self.ticker.heard)
        self._run("metadata", self.inputs.run())
        if "decide" in self.settings.stages:
            self._run("rounds", self.decide.run(self._watched("rounds of decisions")))
            self._run("ticks", self.ticker.run(self._watched("TICKs")))
            self._run("ownership", self.owners.run())
            self._run("standbys", self.owners.standbys.run())
        if "ingest" in self.settings.stages:
            self._run("progress", self.progress.run(self._inputs_read, self._watched("looking at the inputs")))
            self._run("appends", self._check_appends())

    async def stop(self) -> None:
        """Write what is in hand, then end what `start` began."""
        await asyncio.gather(self.ingest.drain(), self.decide.let_go())
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(self.owners.stop(), self._input_topics.close())

    @property
    def settled(self) -> bool:
        """Whether this worker has its place in the group: not before the first assignment, nor while it rebalances."""
        return self._joined and not self.app.rebalancing

    async def rebalanced(self) -> None:
        """The group has given out its partitions anew: take over what is ours now."""
        self._joined = True
        self.owners.rebalanced()

    async def drain(self, revoked: frozenset[TP]) -> None:
        """Before partitions are given up: append what was read, write what was decided."""
        timeline = {tp.partition for tp in revoked if tp.topic == self.name(TIMELINE.name)}
        await asyncio.gather(self.ingest.drain(), self.decide.let_go(timeline))

    def _inputs_read(self) -> dict[InputPartition, int]:
        """The input partitions that are read now, each with the offset up to which it is in the timeline."""
        names, readings = self._inputs(), self._consumer.readings
        return {(tp.topic, tp.partition): read.prefix.end for tp, read in readings.items() if tp.topic in names}

    async def _check_appends(self) -> None:
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            self.ingest.check()

    def _run(self, name: str, coroutine: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(coroutine, name=name)
        task.add_done_callback(end_if_failed)
        self._tasks = [running for running in self._tasks if not running.done()] + [task]

    async def _follow(self, topic: str, heard: Any) -> None:
        ready = asyncio.Event()
        quick = {} if self.settings.transactions == "on" else {"fetch_max_wait_ms": 20}  # as in streams/app.py
        connection, client = {**self.connection, **quick}, self._outside.consumer
        followed = Followed(self.name(topic), heard, self._watched(f"following {topic}"))
        self._run(f"following {topic}", follow(connection, followed, ready, client))
        await asyncio.wait_for(ready.wait(), FOLLOWED_LIMIT_S)

    def _watched(self, work: str) -> Callable[[], None]:
        """A watchdog for one loop: what it returns must be called at least every 50 s, or the process ends."""
        dog = Watchdog(STUCK_S, self._outside.now_s, work)
        self._outside.watch(dog)
        return dog.beat

    def _acknowledged(self, read: Read) -> None:
        block = read.block
        block.durable()
        self.progress.acknowledged((block.tp.topic, block.tp.partition), block.next_offset, read.last_ms)

    async def _ends(self, parts: list[InputPartition]) -> dict[InputPartition, int]:
        try:
            found = await self._consumer.end_offsets_of([TP(*part) for part in parts], PROBE_LIMIT_S)
        except (KafkaError, TimeoutError) as error:
            log.warning("no end offsets of the inputs within %.0f s; the watermark waits: %r", PROBE_LIMIT_S, error)
            return {}
        return {(tp.topic, tp.partition): end for tp, end in found.items()}

    async def _publish(self, part: InputPartition, progress: Progress) -> None:
        key = f"{part[0]}/{part[1]}".encode()
        await self._append(PROGRESS.name, 0, key, encode(progress))

    async def _hear_times(self, clock: BrokerClock) -> None:
        while True:
            await asyncio.sleep(HEAR_TIME_EVERY_S)
            await self._hear_time(clock)

    async def _hear_time(self, clock: BrokerClock) -> None:
        """Append a record that nobody reads, for the time at which the broker appends it."""
        topic = self.name(PROGRESS.name)
        (append,) = await self._send(topic, 0, [(b"time", None, ())], WallClock().now_ms())
        told = await append
        if told.timestamp_type != APPEND_TIME:
            fix = f"kafka-configs.sh --alter --entity-type topics --entity-name {topic}"
            msg = f"expected append times of {topic}, got none; run `{fix} --add-config {LOG_APPEND_TIME}`"
            raise AppendTimeError(msg)
        clock.appended(told.timestamp)

    async def _append_tick(self, partition: int, value: bytes) -> None:
        await self._append(TIMELINE.name, partition, None, value)

    async def _append(self, topic: str, partition: int, key: bytes | None, value: bytes) -> None:
        await self._send(self.name(topic), partition, [(key, value, ())], WallClock().now_ms())

    async def _send(
        self, topic: str, partition: int, records: Sequence[Sent], timestamp_ms: int
    ) -> list[asyncio.Future[Any]]:
        return await self._producer.send_records(topic, partition, records, timestamp_ms)

    @property
    def _consumer(self) -> Consumer:
        return cast(Consumer, self.app.consumer)

    @property
    def _producer(self) -> Producer:
        return cast(Producer, self.app.producer)

    def _inputs(self) -> dict[str, Any]:
        return {self.name(topic.name): topic for topic in INPUTS}

    def _names(self) -> Names:
        settings = self.settings
        return Names(settings.app_id, self.name(TIMELINE.name), settings.timeline_partitions, self._inputs())

    def _clean_rules(self) -> CleanRules:
        settings = self.settings
        return CleanRules(
            max_clock_ahead_ms=round(settings.max_clock_ahead_s * 1_000), trust_append_time=settings.clock == "wall"
        )


def _clock(settings: Settings) -> LogClock:
    if settings.clock == "topic":
        return TopicClock()
    return BrokerClock() if settings.transactions != "off" else WallClock()

"""One shop on a Kafka of its own topics: its feed, its workers, and everything they left there."""

import asyncio
import time
import uuid
from collections.abc import Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Self

import msgspec
from aiokafka import TopicPartition

from schemas.kinds import Kind
from schemas.timeline import SLOT_AT, Tick, decode_tick, encode_tick
from schemas.topics import CHANGELOG, DECISIONS, INPUTS, INTERVENTIONS, SUPPRESSED, TIMELINE
from streams.app import read_policy
from streams.connection import connection
from streams.core.clock import LATEST_MS
from streams.feed import Arrival
from streams.feeder import Feeder
from streams.replay.crash_free import Recorded, Replayed, Told, differences, replay
from streams.settings import Settings
from streams.step_rules import step_rules
from streams.topic_ids import standing
from streams.topics import create
from tests.integration.whole_path.topics_read import (
    Ends,
    LogReader,
    committed_offsets,
    committed_records,
    ends_of,
    members_of,
)
from tests.integration.whole_path.worker_process import ROOT, WorkerProcess, start_worker

JOINED_LIMIT_S = 40.0
SETTLED_LIMIT_S = 60.0
A_TICK = encode_tick(Tick(0, 0))
TOLD = (DECISIONS, SUPPRESSED, *INTERVENTIONS.values())


class ShopPath:
    """Use it as `async with`: topics are made at the start, and workers that still run are killed at the end."""

    def __init__(self, broker: str, folder: Path, **settings: Any) -> None:
        name = f"path-{uuid.uuid4().hex[:10]}"
        own = {"timeline_partitions": 4, "session_timeout_s": 6.0, "metrics_port": 0, "clock": "topic"}
        own |= {"transactions": "on", "policy": str(ROOT / "deploy/policy.toml"), "data_dir": str(folder / "data")}
        self.settings = Settings(**own | {"broker": broker, "app_id": name, "topic_prefix": f"{name}."} | settings)
        self.workers: list[WorkerProcess] = []
        self.told_ms = -1
        self.timeline: dict[int, list[Any]] = {}
        self._folder, self._stack, self._reader = folder, AsyncExitStack(), LogReader(broker)

    async def __aenter__(self) -> Self:
        await create(self.settings)
        await self._stack.enter_async_context(self._reader)
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*(worker.kill() for worker in self.workers))
        await self._stack.aclose()

    async def worker(self, **changes: Any) -> WorkerProcess:
        """Start a worker, with settings of its own where some are given."""
        settings = msgspec.structs.replace(self.settings, **changes)
        worker = await start_worker(settings, self._folder / f"worker-{len(self.workers)}.log")
        self.workers.append(worker)
        return worker

    async def feed(self, arrivals: Iterable[Arrival], speed: float = 0.0, run_on_ms: int | None = None) -> None:
        """Feed arrivals with the product's feeder; log time runs on until every cart has come to an end."""
        feeder = Feeder(self.settings, speed)
        await feeder.feed(arrivals, run_on_ms)
        self.told_ms = feeder.clocks.pairs[-1][0]

    async def settled(self, limit_s: float = SETTLED_LIMIT_S) -> None:
        """Returns when everything fed is read, the last TICK is written, and all of it is stepped and committed."""
        deadline = time.monotonic() + limit_s
        while unsettled := await self._unsettled():
            assert time.monotonic() < deadline, f"not done after {limit_s:g} s: {unsettled[:3]}; {self._said()}"
            await asyncio.sleep(0.2)

    async def reached(self, log_ms: int, limit_s: float = SETTLED_LIMIT_S) -> None:
        """Returns when the watermark of every timeline partition has reached a log time."""
        deadline = time.monotonic() + limit_s
        while min(times := (await self.watermarks()).values()) < log_ms:
            assert time.monotonic() < deadline, (
                f"watermarks {list(times)}, not {log_ms}, in {limit_s:g} s; {self._said()}"
            )
            await asyncio.sleep(0.1)

    async def watermarks(self) -> dict[int, int]:
        """The greatest TICK in each timeline partition, by now."""
        await self._read_timeline()
        ticks = {number: [_tick_ms(record) for record in records] for number, records in self.timeline.items()}
        return {number: max(times, default=-1) for number, times in ticks.items()}

    async def recorded(self) -> Recorded:
        """Everything that stands on Kafka now."""
        await self._read_timeline()
        changelog: dict[int, dict[bytes, bytes]] = {number: {} for number in range(self.settings.timeline_partitions)}
        for record in await self.read(CHANGELOG.name):
            changelog[record.partition][record.key] = record.value
        alive = {n: {key: value for key, value in state.items() if value is not None} for n, state in changelog.items()}
        found = await self.read(*(topic.name for topic in TOLD))
        told = [Told(self._bare(record.topic), record.key, record.value, tuple(record.headers)) for record in found]
        return Recorded(self.timeline, alive, told)

    async def checked(self) -> Replayed:
        """Hold what was recorded against a crash-free run over the same timeline. Raises `AssertionError`."""
        settings = self.settings
        recorded = await self.recorded()
        expected = replay(recorded, read_policy(Path(settings.policy)), step_rules(settings))
        found = differences(recorded, expected)
        assert not found, f"{len(found)} differences from a crash-free run, the first is {found[0]}"
        return expected

    async def read(self, *topics: str) -> list[Any]:
        """All committed records of topics, named without prefix."""
        return await committed_records(self.settings.broker, [self.settings.topic_prefix + name for name in topics])

    async def exists(self, name: str) -> bool:
        """Whether a topic, named without prefix, is there."""
        return bool(await standing(connection(self.settings), [self.settings.topic_prefix + name]))

    async def progress(self) -> tuple[Ends, Ends]:
        """The group's committed offsets, and the ends of what it reads."""
        names = [self.settings.topic_prefix + topic.name for topic in (*INPUTS, TIMELINE)]
        return await committed_offsets(self.settings.broker, self.settings.app_id), await ends_of(self._reader, names)

    async def joined(self, workers: int, limit_s: float = JOINED_LIMIT_S) -> dict[str, list[tuple[str, int]]]:
        """What each worker reads, as (topic, partition), once so many are in a group that is stable."""
        deadline, settings = time.monotonic() + limit_s, self.settings
        while len(found := await members_of(settings.broker, settings.app_id)) != workers:
            assert time.monotonic() < deadline, f"{len(found)} of {workers} joined in {limit_s:g} s; {self._said()}"
            await asyncio.sleep(0.2)
        return found

    async def _unsettled(self) -> list[str]:
        ended = [worker.process.returncode for worker in self.workers if not worker.running]
        assert len(ended) < len(self.workers), f"no worker runs, they ended with {ended}; {self._said()}"
        wanted_ms = self.told_ms - round(self.settings.lateness_s * 1_000)
        behind = [
            f"watermark {n}: {ms} of {wanted_ms}" for n, ms in (await self.watermarks()).items() if ms < wanted_ms
        ]
        committed, ends = await self.progress()
        return behind + [
            f"{part.topic}/{part.partition}: {committed.get(part, 0)} of {end}"
            for part, end in ends.items()
            if committed.get(part, 0) < end
        ]

    async def _read_timeline(self) -> None:
        name, count = self.settings.topic_prefix + TIMELINE.name, self.settings.timeline_partitions
        self.timeline = self.timeline or {number: [] for number in range(count)}
        for record in await self._reader.read_on([TopicPartition(name, number) for number in range(count)]):
            self.timeline[record.partition].append(record)

    def _bare(self, topic: str) -> str:
        return topic.removeprefix(self.settings.topic_prefix)

    def _said(self) -> str:
        return "\n".join(f"{worker.log.name}: {worker.said(1_000)}" for worker in self.workers)


def _tick_ms(record: Any) -> int:
    value = record.value
    if record.key is not None or value is None or len(value) != len(A_TICK) or value[SLOT_AT] != Kind.TICK:
        return -1  # an event, or what a test wrote that is no record of ours
    return decode_tick(value).at_ms if decode_tick(value).at_ms < LATEST_MS else -1

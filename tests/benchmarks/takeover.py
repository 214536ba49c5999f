"""How long a killed worker's partitions stand still: `python tests/benchmarks/takeover.py [--json] [--shoppers N]`.

One Apache Kafka on the local JVM, eight partitions filled with shoppers of full history, three workers without a model,
TICKs as the only input. One worker is killed with SIGKILL; the survivors' metrics and the group's offsets are asked
every 50 ms. Measured without standbys and with one for each partition:

- `detected_s`: from the kill to the first survivor's new generation: the session timeout, no merit of ours
- `read_on_s`: from a survivor's assignment to the last of its new partitions being read on, as its metric tells
- `served_s`: from the new generation to the first committed offset of the last of the partitions. It waits for the
  next TICK and the next commit, each one a second away at most
- `records`: what the survivors read of the changelog for the partitions that they took over
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
from aiokafka import TopicPartition

sys.path.insert(0, str(Path(__file__).parents[2]))

from schemas.shopper import META_KEY, Meta, encode_meta
from schemas.topics import CHANGELOG, TIMELINE
from streams.connection import connection
from streams.embedded.apache_kafka import ApacheKafka
from streams.embedded.ports import free_ports
from streams.settings import Settings
from streams.table.transactions import Owned, PartitionWriter
from streams.topics import create
from tests.benchmarks.shopper_memory import full, key_of
from tests.integration.whole_path.metrics import scraped
from tests.integration.whole_path.takeovers import taken
from tests.integration.whole_path.topics_read import committed_offsets, members_of
from tests.integration.whole_path.worker_process import ROOT, WorkerProcess, start_worker

PARTITIONS = 8
WORKERS = 3
SESSION_S = 6.0
LIMIT_S = 240.0
LOOK_EVERY_S = 0.05
WRITE = 2_000


class Run:
    """One run: a filled table, three workers, a kill."""

    def __init__(self, broker: str, standbys: int, folder: Path) -> None:
        self.ports = free_ports(WORKERS)
        self.folder = folder
        self.settings = Settings(
            broker=broker, app_id=f"takeover-{standbys}", topic_prefix=f"takeover-{standbys}.", standbys=standbys,
            timeline_partitions=PARTITIONS, session_timeout_s=SESSION_S, transactions="on", model="",
            policy=str(ROOT / "deploy/policy.toml"), shopper_ttl_days=36_500.0,
        )  # fmt: skip
        self.workers: list[WorkerProcess] = []

    async def measured(self, shoppers: int) -> dict[str, Any]:
        """Fill, start, wait until all is quiet, kill, watch."""
        await create(self.settings)
        await self._fill(shoppers)
        try:
            for port in self.ports:
                disk = str(self.folder / f"disk-{self.settings.app_id}-{port}")
                settings = msgspec.structs.replace(self.settings, metrics_port=port, data_dir=disk)
                self.workers.append(await start_worker(settings, self.folder / f"{self.settings.app_id}-{port}.log"))
            await self._until(self._ready, "three workers and their standbys")
            return await self._killed()
        finally:
            await asyncio.gather(*(worker.kill() for worker in self.workers))

    async def _fill(self, shoppers: int) -> None:
        value, settings = full(cart=False), self.settings
        names = settings.topic_prefix + TIMELINE.name, settings.topic_prefix + CHANGELOG.name
        for number in range(PARTITIONS):
            writer = PartitionWriter(connection(settings), Owned(settings.app_id, number, *names))
            await writer.start()
            keys = [key_of(nth) for nth in range(number, shoppers, PARTITIONS)]
            for start in range(0, len(keys), WRITE):
                await writer.write([(key, value) for key in keys[start : start + WRITE]], [], None)
            await writer.write([(META_KEY, encode_meta(Meta()))], [], 0)
            await writer.stop()

    async def _ready(self) -> bool:
        pages = [await scraped(port) for port in self.ports]
        owned = sum(page.get("kairos_partitions_owned", 0) for page in pages)
        tails = [lag for page in pages for name, lag in page.items() if name.startswith("kairos_standby_lag_records")]
        quiet = len(tails) == PARTITIONS * self.settings.standbys and max(tails, default=0) < WRITE
        members = await members_of(self.settings.broker, self.settings.app_id)
        return len(members) == WORKERS and owned == PARTITIONS and quiet

    async def _killed(self) -> dict[str, Any]:
        victim, *survivors = self.workers
        ports = self.ports[1:]
        before = [await scraped(port) for port in ports]
        generation, said = before[0]["kairos_group_generation"], [len(taken(worker)) for worker in survivors]
        killed_s = time.monotonic()
        await victim.kill()

        async def rebalanced() -> bool:
            return any([(await scraped(port))["kairos_group_generation"] > generation for port in ports])

        await self._until(rebalanced, "a new generation")
        began_s, offsets = time.monotonic(), await self._committed()

        async def served() -> bool:
            now = await self._committed()
            return all(now.get(number, 0) > offsets.get(number, 0) for number in range(PARTITIONS))

        await self._until(served, "every partition committed again")
        served_s, after = time.monotonic() - began_s, [await scraped(port) for port in ports]
        lines = [line for worker, seen in zip(survivors, said, strict=True) for line in taken(worker)[seen:]]
        return {
            "standbys": self.settings.standbys,
            "detected_s": round(began_s - killed_s, 2),
            "read_on_s": max(slowest(page, was) for page, was in zip(after, before, strict=True)),
            "served_s": round(served_s, 2),
            "records": {number: f"{count} of its {how}" for number, count, how in lines},
        }

    async def _committed(self) -> dict[int, int]:
        found = await committed_offsets(self.settings.broker, self.settings.app_id)
        name = self.settings.topic_prefix + TIMELINE.name
        return {n: found[part] for n in range(PARTITIONS) if (part := TopicPartition(name, n)) in found}

    async def _until(self, done: Any, what: str) -> None:
        print(f"standbys {self.settings.standbys}: waiting for {what}", file=sys.stderr)
        deadline = time.monotonic() + LIMIT_S
        while not await done():
            if time.monotonic() > deadline:
                sys.exit(f"expected {what} within {LIMIT_S:g} s; {self.workers[-1].said()}")
            await asyncio.sleep(LOOK_EVERY_S)


def slowest(page: dict[str, float], was: dict[str, float]) -> str:
    """The upper bound of the histogram's slowest new takeover."""
    name = "kairos_takeover_duration_seconds_bucket"
    bounds = [key for key in page if key.startswith(name)]
    wanted = page[f"{name} le=+Inf"]
    return next(
        f"<= {key.partition('le=')[2]}" for key in bounds if page[key] - was[key] == wanted - was[f"{name} le=+Inf"]
    )


async def run(shoppers: int) -> list[dict[str, Any]]:
    """Both ways, one after the other, on one broker."""
    with tempfile.TemporaryDirectory() as folder, ApacheKafka(heap_mb=768) as kafka:
        return [await Run(kafka.bootstrap, standbys, Path(folder)).measured(shoppers) for standbys in (0, 1)]


def main() -> None:
    """Print what was measured, as text or as one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--shoppers", type=int, default=80_000)
    asked = parser.parse_args()
    rows = asyncio.run(run(asked.shoppers))
    if asked.json:
        print(msgspec.json.encode({"shoppers": asked.shoppers, "runs": rows}).decode())
        return
    print(f"{asked.shoppers:,} shoppers in {PARTITIONS} partitions, {WORKERS} workers, one killed")
    for row in rows:
        print("\n".join(f"  {name}: {value}" for name, value in row.items()), end="\n\n")


if __name__ == "__main__":
    main()

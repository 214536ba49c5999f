"""How fast a worker's shoppers come back: `python tests/benchmarks/restore_speed.py [--shoppers N] [--json]`.

A real Apache Kafka on the local JVM holds a changelog of eight partitions, written by transactions. Each way of
restoring runs in a process of its own, two partitions at a time as a worker does, until every shard can be stepped:

- memory: all of the changelog, into memory (`KAIROS_SHOPPERS_IN_MEMORY=0`)
- disk: all of the changelog, into RocksDB; what a worker does on a new disk
- snapshot: the same worker comes back to its disk after a hundredth of the shoppers changed
"""

import argparse
import asyncio
import os
import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

sys.path.insert(0, str(Path(__file__).parent))
from population import population

from schemas.shopper import META_KEY, Meta, encode_meta
from schemas.topics import CHANGELOG
from streams.core.partitions import timeline_partition
from streams.core.shard import Shard
from streams.embedded.apache_kafka import ApacheKafka
from streams.table.changelog import Restored
from streams.table.loader import Loader
from streams.table.stores import Stores
from streams.table.transactions import Owned, PartitionWriter

PARTITIONS, AT_ONCE, TRANSACTION = 8, 2, 20_000
WANTED = 200_000


async def fill(bootstrap: str, shoppers: int, share: int = 1) -> None:
    """Write every `share`-th shopper to the changelog, in transactions."""
    writers = [PartitionWriter({"bootstrap_servers": bootstrap}, Owned("bench", n), timeout_s=60) for n in range(8)]
    for writer in writers:
        await writer.start()
    waiting: list[list[tuple[bytes, bytes | None]]] = [[] for _ in writers]
    for number, (key, value) in enumerate(population(shoppers)):
        if number % share == 0:
            mine = waiting[timeline_partition(key, PARTITIONS)]
            mine.append((key, value))
            if len(mine) == TRANSACTION:
                await writers[timeline_partition(key, PARTITIONS)].write(mine, [], None)
                mine.clear()
    for writer, mine in zip(writers, waiting, strict=True):
        await writer.write([*mine, (META_KEY, encode_meta(Meta(offset=1)))], [], None)
        await writer.stop()


async def restore(bootstrap: str, folder: str | None) -> dict[str, float]:
    """Restore all partitions: records, seconds and CPU seconds."""
    loader = Loader({"bootstrap_servers": bootstrap})
    await loader.start()
    stores, slots, shards = Stores(Path(folder), "bench") if folder else None, asyncio.Semaphore(AT_ONCE), list[Shard]()
    began_s, began_cpu_s, first_s, records = time.perf_counter(), time.process_time(), 0.0, 0

    async def one(number: int) -> None:
        nonlocal first_s, records
        async with slots:
            table = stores.open(number, await loader.now(number)) if stores else Restored()
            loaded = await loader.load(number, table.apply, table.position)
            table.reached(loaded.offset_end)
            shard = Shard()
            shard.restore(table.shoppers, table.meta)
        shards.append(shard)
        records += loaded.records
        first_s = first_s or time.perf_counter() - began_s

    await asyncio.gather(*(one(number) for number in range(PARTITIONS)))
    took_s, cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
    timers = sum(len(shard.timers) for shard in shards)
    for shard in shards:
        shard.shoppers.cold.close()
    await loader.stop()
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    return {
        "records": records, "seconds": took_s, "records_s": records / took_s, "first_partition_s": first_s,
        "cpu_s": cpu_s, "timers": timers, "peak_rss_mb": peak_mb,
    }  # fmt: skip


def restored(bootstrap: str, folder: str | None) -> dict[str, float]:
    """The same, in a process of its own."""
    with ProcessPoolExecutor(1, get_context("spawn")) as fresh:
        return fresh.submit(_run, bootstrap, folder).result()


def _run(bootstrap: str, folder: str | None) -> dict[str, float]:
    return asyncio.run(restore(bootstrap, folder))


async def _create(bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(CHANGELOG.name, PARTITIONS, 1, topic_configs=CHANGELOG.config())])
    await admin.close()


def measured(shoppers: int) -> dict[str, Any]:
    """All three ways."""
    with ApacheKafka() as kafka, TemporaryDirectory() as folder:
        asyncio.run(_create(kafka.bootstrap))
        asyncio.run(fill(kafka.bootstrap, shoppers))
        print(f"{shoppers:,} shoppers are in the changelog", file=sys.stderr)
        found: dict[str, Any] = {"memory": restored(kafka.bootstrap, None), "disk": restored(kafka.bootstrap, folder)}
        asyncio.run(fill(kafka.bootstrap, shoppers, share=100))
        found["snapshot"] = restored(kafka.bootstrap, folder)
        return found | {"load_average": os.getloadavg()[0]}


def main() -> None:
    """Print what was measured, as text or as one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--shoppers", type=int, default=1_000_000)
    asked = parser.parse_args()
    found = measured(asked.shoppers)
    if asked.json:
        print(msgspec.json.encode(found).decode())
        return
    for way in ("memory", "disk", "snapshot"):
        row = found[way]
        print(
            f"{way:9} {row['records']:>9,} records in {row['seconds']:6.2f} s = {row['records_s']:>9,.0f}/s "
            f"({row['cpu_s']:.2f} CPU s), the first partition after {row['first_partition_s']:.2f} s, "
            f"{row['timers']:,} timers, {row['peak_rss_mb']:,.0f} MB"
        )
    print(f"wanted: {WANTED:,}/s into memory or onto a new disk; load average {found['load_average']:.1f}")


if __name__ == "__main__":
    main()

"""More shoppers than memory holds: `python tests/benchmarks/larger_than_memory.py [--shoppers N] [--hot N] [--json]`.

Eight partitions of one worker, without Kafka: shoppers are put onto disk as a restore puts them there, the worker
comes back to that disk, and a skewed stream runs over them: four events of five are of one shopper in twenty. Blocks
are stepped, all that changed is committed and stored every 250,000 events, and whoever is too many goes back to disk.
`--hot 0` keeps everybody in memory, for a number of shoppers that fits, to compare with. CPU is of the whole process,
RocksDB's threads too; making the events is left out.
"""

import argparse
import os
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import msgspec

sys.path.insert(0, str(Path(__file__).parent))
from population import START_MS, key_of, population

from inference.answers import Answer
from schemas.kinds import Kind
from schemas.shopper import Meta
from schemas.timeline import Coordinate, Detail, Item, Slot, Tick, encode_entry, encode_tick
from streams.core.partitions import timeline_partition
from streams.core.policy.rules import PolicyRules
from streams.core.shard import Rules, Shard
from streams.pipeline import Partition
from streams.table.changelog import Restored
from streams.table.loader import LogNow
from streams.table.store import Store
from streams.table.stores import Stores

PARTITIONS, ROUND, COMMIT_EVERY = 8, 16_384, 250_000
HERE = LogNow("bench", 0, 1 << 60)
RULES = Rules(ask_models=False)
RULES_ANSWER = Answer("rules", None, [None])


class Record(NamedTuple):
    """A timeline record, as `step` reads it."""

    offset: int
    key: bytes | None
    value: bytes


def rss_mb() -> float:
    """Resident memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def rounds(shoppers: int, events: int) -> Iterator[list[list[Record]]]:
    """The events of each round by partition, with a TICK at its end: 95 % views, 5 % cart adds."""
    rng, offsets = random.Random(4), [1] * PARTITIONS
    items = (Item("sku-1", 1_999, 1, "electronics.phone", "A phone"),)
    for start in range(0, events, ROUND):
        made: list[list[Record]] = [[] for _ in range(PARTITIONS)]
        at_ms = START_MS + start // 50
        for nth in range(start, min(start + ROUND, events)):
            number = rng.randrange(shoppers // 20 if rng.random() < 0.8 else shoppers)
            key = key_of(number * 7_919 % shoppers)
            kind = Kind.PRODUCT_ADDED if rng.random() < 0.05 else Kind.PRODUCT_VIEWED
            value = encode_entry(Coordinate(1, 0, nth), Slot(kind, at_ms, nth, 7, 7, 1_999), Detail(f"m{nth}", items))
            mine = timeline_partition(key, PARTITIONS)
            made[mine].append(Record(offsets[mine], key, value))
            offsets[mine] += 1
        for mine, records in enumerate(made):
            records.append(Record(offsets[mine], None, encode_tick(Tick(at_ms, at_ms))))
            offsets[mine] += 1
        yield made


def put_away(tables: list[Restored] | list[Store], shoppers: int) -> None:
    """Everybody is where a restore would put them."""
    for number, (key, value) in enumerate(population(shoppers)):
        tables[timeline_partition(key, PARTITIONS)].apply(key, value)
        if number % 1_000_000 == 0:
            print(f"putting away: {number:,} of {shoppers:,}", file=sys.stderr)
    for table in tables:
        table.reached(1)


def come_back(tables: list[Restored] | list[Store]) -> list[Partition]:
    """The worker's partitions, ready to be stepped."""
    shards = [Shard() for _ in tables]
    for shard, table in zip(shards, tables, strict=True):
        shard.restore(table.shoppers, Meta(watermark_ms=START_MS - 1, offset=1))
    return [Partition(shard, RULES, PolicyRules(id="bench", version="0")) for shard in shards]


def drive(parts: list[Partition], shoppers: int, events: int, hot: int) -> dict[str, Any]:
    """Run the stream; what it cost."""
    making_s = stalled_s = peak_mb = 0.0
    began_s, began_cpu_s, done, committed = time.perf_counter(), time.process_time(), 0, 0
    stream = rounds(shoppers, events)
    while True:
        made_s, thread_s = time.perf_counter(), time.thread_time()
        made = next(stream, None)
        began_s += time.perf_counter() - made_s
        making_s += time.thread_time() - thread_s
        if made is None:
            break
        round_s = time.perf_counter()
        for part, records in zip(parts, made, strict=True):
            for ask in part.step(records):
                part.answer([ask], RULES_ANSWER, 0)
            part.cool(hot // PARTITIONS or 1 << 60)
        done += ROUND
        if done - committed >= COMMIT_EVERY:
            committed = done
            for part in parts:
                part.written(part.commit(), part.shard.offset)
        stalled_s, peak_mb = max(stalled_s, time.perf_counter() - round_s), max(peak_mb, rss_mb())
    cpu_s, took_s = time.process_time() - began_cpu_s - making_s, time.perf_counter() - began_s
    reads = sum(part.shard.shoppers.cold_reads for part in parts)
    return {
        "events_s": events / took_s, "cpu_s_per_million": cpu_s / events * 1e6, "read_from_disk": reads / events,
        "longest_round_s": stalled_s, "peak_rss_mb": peak_mb,
        "hot": sum(len(part.shard.shoppers.hot) for part in parts),
    }  # fmt: skip


def measured(shoppers: int, events: int, hot: int) -> dict[str, Any]:
    """All of it."""
    with TemporaryDirectory(dir=os.environ.get("KAIROS_BENCH_DIR")) as folder:
        began_s, stores = time.perf_counter(), Stores(Path(folder), "bench")
        tables: list[Any] = [stores.open(n, HERE) if hot else Restored() for n in range(PARTITIONS)]
        put_away(tables, shoppers)
        put_s, size_mb = time.perf_counter() - began_s, 0.0
        if hot:
            for table in tables:
                table.close()
            size_mb = sum(path.stat().st_size for path in Path(folder).rglob("*.sst")) / 1e6
        back_s = time.perf_counter()
        if hot:
            tables = [stores.open(n, HERE) for n in range(PARTITIONS)]
        parts = come_back(tables)
        back_s = time.perf_counter() - back_s
        print(f"back after {back_s:.1f} s with {rss_mb():,.0f} MB", file=sys.stderr)
        found = {"shoppers": shoppers, "events": events, "put_away_s": put_s, "disk_mb": size_mb, "back_s": back_s}
        found |= drive(parts, shoppers, events, hot) | {"load_average": os.getloadavg()[0]}
        for table in tables:
            table.shoppers.close()
    return found


def main() -> None:
    """Print what was measured, as text or as one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--shoppers", type=int, default=10_000_000)
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--hot", type=int, default=1_000_000, help="shoppers in memory; 0: all, and no disk")
    asked = parser.parse_args()
    found = measured(asked.shoppers, asked.events, asked.hot)
    text = "\n".join(f"{value:>14,.2f} {name.replace('_', ' ')}" for name, value in found.items())
    print(msgspec.json.encode(found).decode() if asked.json else text)


if __name__ == "__main__":
    main()

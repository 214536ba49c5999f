"""How much memory a replay needs, by how long the log is.

    python tests/benchmarks/replay_memory.py --events N [--shoppers N] [--json]

200,000 shoppers, drawn at random by a seed: 90 % views, 7 % cart adds, 3 % orders, 200 events a second of log time.
The events are made while they are read, as JSON, and go through the ingest, the state, the timers and the policy of a
replay in one process, by rules; no file lies in between, so a hundred million need no disk. Resident memory is told at
1, 2, 5, 10, 20, 50 million and so on, with the events since the last time a second of CPU (making them included).
"""

import argparse
import json
import os
import random
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import msgspec

from schemas.topics import CART, CLICK, PURCHASE
from streams.app import read_policy
from streams.core.shard import Rules
from streams.feed import Arrival
from streams.quiet import quiet
from streams.replay.books import Books
from streams.replay.job import IN_MEMORY, Job, Lanes
from streams.replay.logs import EventLog, Ingest
from streams.replay.scorers import ModelFile
from streams.replay.share import WHOLE
from streams.replay.shelf import Disk
from streams.replay.timeline import Cut, VirtualIngest

POLICY = Path(__file__).parents[2] / "deploy/policy.toml"
START_MS, EVERY_MS, PARTITIONS, ITEMS = 1_790_000_000_000, 5, 8, 5_000
ROUND = 10_000
_HEAD = '{"event":"%s","messageId":"%%d","userId":"u-%%06d","timestamp":%%d,"properties":{"session_id":"s-%%06d",'
VIEW = _HEAD % "Product Viewed" + '"product_id":"p-%d","category":"toys","price":19.99,"currency":"EUR"}}'
ADD = _HEAD % "Product Added" + '"product_id":"p-%d","price":19.99,"currency":"EUR","quantity":1}}'
ORDER = _HEAD % "Order Completed" + '"order_id":"o-%d","currency":"EUR","total":19.99}}'
KINDS = ((VIEW, CLICK.name), (ADD, CART.name), (ORDER, PURCHASE.name))


class Told(msgspec.Struct, frozen=True):
    """A line of the table."""

    events: int
    rss_mb: float
    events_per_cpu_s: int


def arrivals(events: int, shoppers: int) -> Iterator[Arrival]:
    """The log, in the order of time."""
    rng = random.Random(11)
    for nth in range(events):
        chance, who, what = rng.random(), int(rng.random() * shoppers), int(rng.random() * ITEMS)
        form, topic = KINDS[(chance >= 0.9) + (chance >= 0.97)]
        at_ms = START_MS + nth * EVERY_MS
        key = b"u-%06d" % who
        yield Arrival(at_ms, topic, key, (form % (nth, who, at_ms, who, what)).encode())


def measured(events: int, shoppers: int, in_memory: int) -> Iterator[Told]:
    """Replay, and tell now and then."""
    ingest = Ingest(partitions=PARTITIONS, lateness_ms=5_000, max_clock_ahead_ms=60_000, run_on_ms=0)
    job = Job(
        log=EventLog(files=(), formats=(), ingest=ingest),
        share=WHOLE,
        rules=Rules(ask_models=False),
        policy=read_policy(POLICY),
        by="rules",
        model=ModelFile(repository="", name=""),
        in_memory=in_memory,
    )
    books = Books(None)
    with Disk() as disk:
        yield from followed(Lanes(job, books, disk), books, events, shoppers)


def followed(lanes: Lanes, books: Books, events: int, shoppers: int) -> Iterator[Told]:
    """Give it all to the lanes, and tell now and then."""
    records = VirtualIngest(cut=Cut(PARTITIONS, WHOLE)).partitions(arrivals(events, shoppers))
    marks = marks_up_to(events)
    before, cpu_s, mark = 0, time.process_time(), next(marks)
    while some := list(islice(records, ROUND)):
        lanes.give(some)
        done = books.tally.timeline
        if done >= mark - ROUND:
            rate, cpu_s = (done - before) / (time.process_time() - cpu_s), time.process_time()
            yield Told(done, rss_mb(), round(rate))
            before, mark = done, next(marks, 1 << 62)
    lanes.end()


def marks_up_to(events: int) -> Iterator[int]:
    """1, 2, 5, 10, 20, 50 million and so on, and the end."""
    mark, steps = 1_000_000, (2, 2.5, 2)
    nth = 0
    while mark < events:
        yield mark
        mark, nth = int(mark * steps[nth % 3]), nth + 1
    yield events


def rss_mb() -> float:
    """Resident memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    """Print a line as it comes, or at the end one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--shoppers", type=int, default=200_000)
    parser.add_argument("--in-memory", type=int, default=IN_MEMORY)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    quiet()
    lines = []
    for told in measured(given.events, given.shoppers, given.in_memory):
        lines.append(msgspec.to_builtins(told))
        if not given.json:
            print(
                f"{told.events:>12,} events  {told.rss_mb:>8,.0f} MB  {told.events_per_cpu_s:>8,}/s a core", flush=True
            )
    if given.json:
        print(json.dumps({"shoppers": given.shoppers, "lines": lines}))


if __name__ == "__main__":
    main()

"""Crashes of a worker whose shoppers are on disk.

Whatever was committed and not stored, or stored and let go from memory, the next owner knows exactly what a run
without crashes, disk and limits knows.
"""

import random
from pathlib import Path

import pytest

from schemas.shopper import META_KEY
from streams.core.shoppers import Change
from streams.pipeline import Partition, Write
from streams.table.loader import LogNow
from streams.table.store import Store
from streams.table.stores import Stores
from tests.streams.decided import answer, partition
from tests.streams.random_logs import random_log

Left = dict[bytes, bytes]


class Worker:
    """Owns the partition until it dies; `changelog` is what its committed transactions wrote, and outlives it."""

    def __init__(self, folder: Path, changelog: list[Change]) -> None:
        self.changelog, self.part = changelog, partition()
        self.store: Store = Stores(folder, "shop").open(0, LogNow("here", 0, len(changelog)))
        self.begun_at = self.store.position
        for key, value in changelog[self.begun_at :]:
            self.store.apply(key, value)
        self.store.reached(len(changelog))
        self.part.shard.restore(self.store.shoppers, self.store.meta)

    def write(self, write: Write, stored: bool = True) -> None:
        """Commit a transaction; the worker may die before it is `stored`."""
        position = len(self.changelog)
        self.changelog += write.changelog
        if stored:
            self.part.written(write, position)

    def die(self) -> None:
        self.store.close()


def left(changelog: list[Change]) -> Left:
    return {key: value for key, value in dict(changelog).items() if value is not None}


def stepped_calmly(records) -> Left:
    part: Partition = partition()
    for record in records:
        answer(part, part.step([record]))
    return left(part.commit().changelog)


def lived_through(log, seed: int, folder: Path) -> tuple[Left, Worker]:
    """Step, emit, commit, let go from memory and die in any pattern, until the log's end is committed and stored."""
    rng, changelog = random.Random(seed), list[Change]()
    worker = Worker(folder, changelog)
    while True:
        part = worker.part
        at = part.shard.offset
        answer(part, part.step(log.records[at : at + rng.randrange(1, 7)]))
        luck, at_end = rng.random(), part.shard.offset == len(log.records)
        if at_end or luck < 0.5:
            stored = at_end or rng.random() < 0.8
            worker.write(part.commit() if at_end or luck < 0.3 else part.emit(), stored)
            if at_end:
                return left(changelog), worker
            if not stored or rng.random() < 0.2:
                worker.die()
                worker = Worker(folder, changelog)
        elif luck < 0.8:
            part.cool(rng.randrange(4))


@pytest.mark.parametrize("seed", range(60))
def test_the_state_is_that_of_a_run_without_crashes_disk_and_limits(tmp_path, seed):
    log = random_log(seed, away=seed % 3 == 0)

    changelog, worker = lived_through(log, seed, tmp_path)

    assert changelog == stepped_calmly(log.records)
    on_disk = {key: worker.store.get(key) for key in worker.store}
    assert on_disk == {key: value for key, value in changelog.items() if key != META_KEY}
    worker.die()


def test_a_crash_between_the_commit_and_the_store_costs_the_tail_only(tmp_path):
    log, changelog = random_log(1), list[Change]()
    worker = Worker(tmp_path, changelog)
    answer(worker.part, worker.part.step(log.records[:20]))
    worker.write(worker.part.commit())
    stored = len(changelog)
    answer(worker.part, worker.part.step(log.records[20:40]))
    worker.write(worker.part.commit(), stored=False)
    worker.die()

    worker = Worker(tmp_path, changelog)

    assert 0 <= worker.begun_at <= stored
    assert worker.part.shard.offset == 40
    worker.die()


def test_a_crash_between_the_store_and_the_next_commit_begins_behind_the_store(tmp_path):
    log, changelog = random_log(1), list[Change]()
    worker = Worker(tmp_path, changelog)
    for upto in (20, 40):
        answer(worker.part, worker.part.step(log.records[upto - 20 : upto]))
        worker.write(worker.part.commit())
    answer(worker.part, worker.part.step(log.records[40:50]))
    last = len(changelog)
    worker.die()

    worker = Worker(tmp_path, changelog)

    assert 0 < worker.begun_at < last
    assert worker.part.shard.offset == 40
    worker.die()

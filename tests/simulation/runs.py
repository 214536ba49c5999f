"""One run of the simulation: a world to its end, judged by all oracles, and a digest of everything that happened."""

import gc
import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

import msgspec

from tests.simulation.log import records_of
from tests.simulation.oracles import Durable, differences
from tests.simulation.worker import Parts
from tests.simulation.world import World

MEMORY: Final = Path("/dev/shm")
"""A disk that is none: whether bytes outlive the machine is not what is looked at here."""


class Run(NamedTuple):
    """What was wrong (nothing, if all is well), how it went, and the digest of every record, offset and ending."""

    seed: int
    violations: list[str]
    digest: str
    ended_s: float
    happened: list[str]


def run(seed: int, parts: Parts) -> Run:
    """The world of a seed."""
    with opened(seed, parts) as world:
        durable = Durable(world)
        finished = world.run()
        violations = [*durable.wrong, *differences(world, finished)]
        return Run(seed, violations, digest(world), world.loop.time(), happened(world))


@contextmanager
def opened(seed: int, parts: Parts) -> Iterator[World]:
    """A world that is broken down in the end."""
    gc.disable()  # what is collected unwinds, at moments that are not the world's
    logging.disable(logging.CRITICAL)
    folder = TemporaryDirectory(prefix="kairos-simulation-", dir=MEMORY if MEMORY.is_dir() else None)
    world = World(seed, parts, Path(folder.name))
    try:
        yield world
    finally:
        world.loop.forget()
        for disk in world.disks:
            disk.ended(killed=False)
        folder.cleanup()
        logging.disable(logging.NOTSET)
        gc.enable()
        gc.collect()


def happened(world: World) -> list[str]:
    """What was done to the workers, and how they ended."""
    endings = [
        f"{ending.at_s:.3f} {ending.name} ended: {ending.code.name if ending.code is not None else 'killed'}"
        f" {ending.reason}"
        for slot in world.slots
        for ending in slot.endings
    ]
    met = [f"{count} times {what}" for what, count in sorted(_met(world).items())]
    return sorted(world.happened + endings, key=lambda line: float(line.split()[0])) + met


def _met(world: World) -> Counter[str]:
    met = Counter(world.site.faults.met)
    for disk in world.disks:
        met.update(disk.met)
    return met


def digest(world: World) -> str:
    """Equal for equal runs."""
    told = blake2b(digest_size=8)
    for tp, log in world.broker.logs.items():
        told.update(f"{tp} {log.end} {world.broker.committed.get(tp)} {log.aborted}".encode())
        for batch in log.batches:
            for record in records_of(batch):
                told.update(msgspec.msgpack.encode((record.offset, record.key, record.value, list(record.headers))))
    for line in happened(world):
        told.update(line.encode())
    return told.hexdigest()

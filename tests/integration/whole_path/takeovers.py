"""What a worker's log says of the partitions that it took over."""

import asyncio
import re
import time
from typing import NamedTuple

from tests.integration.whole_path.worker_process import WorkerProcess

TAKEN = re.compile(r"timeline partition (\d+): (\d+) changelog records from offset \d+ on \((\w+)\)")
WHOLE_LOG = 1 << 20
LIMIT_S = 60.0


class Taken(NamedTuple):
    """A partition that was taken over, how many records were read, and behind what: standby, snapshot or changelog."""

    partition: int
    records: int
    source: str


def taken(worker: WorkerProcess) -> list[Taken]:
    """What a worker has taken over so far, in that order."""
    return [Taken(int(number), int(records), how) for number, records, how in TAKEN.findall(worker.said(WHOLE_LOG))]


async def owns(worker: WorkerProcess, partitions: int) -> None:
    """Returns when a worker has taken over so many partitions since its start."""
    deadline = time.monotonic() + LIMIT_S
    while len(taken(worker)) < partitions:
        assert time.monotonic() < deadline, f"{taken(worker)}, not {partitions}, in {LIMIT_S:g} s: {worker.said()}"
        await asyncio.sleep(0.2)

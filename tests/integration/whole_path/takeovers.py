"""What a worker's log says of the partitions that it took over."""

import re
from typing import NamedTuple

from tests.integration.whole_path.worker_process import WorkerProcess

TAKEN = re.compile(r"timeline partition (\d+): \d+ shoppers, (\d+) records from its (changelog|standby)")
WHOLE_LOG = 1 << 20


class Taken(NamedTuple):
    """A partition that was taken over, how many records were read for it, and behind what: a standby or nothing."""

    partition: int
    records: int
    source: str


def taken(worker: WorkerProcess) -> list[Taken]:
    """What a worker has taken over so far, in that order."""
    return [Taken(int(number), int(records), how) for number, records, how in TAKEN.findall(worker.said(WHOLE_LOG))]

"""Doing jobs side by side on the machines of a Ray cluster. Ray is an extra.

A job travels as plain data, files do not: every node must see the log, the model and `--out` under the same path. A
node that does not says so before it reads anything.
"""

import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Final

import click
from msgspec.structs import replace

from streams.quiet import quiet
from streams.replay.crew import Show, stopping, told, whole
from streams.replay.job import Done, Job, do
from streams.replay.logs import EventLog, TopicLog
from streams.replay.share import Share

LOOK_EVERY_S: Final = 0.5
ANSWERS_WITHIN_S: Final = 30.0
LOST: Final = "the run is not whole; replay again into a new folder"


def connect() -> int:
    """Join the cluster of RAY_ADDRESS, else the one that runs on this machine; how many CPUs it has.

    Raises one line of click where Ray is not installed or no cluster is there.
    """
    ray = _ray()
    if not ray.is_initialized():
        address = os.environ.get("RAY_ADDRESS") or "auto"
        try:
            _knock(address)
            ray.init(address=address, log_to_driver=False, logging_level="ERROR")
        except OSError:
            msg = f"expected a Ray cluster at {address}, found none; start one with `ray start`, or set RAY_ADDRESS"
            raise click.ClickException(msg) from None
    return int(ray.cluster_resources().get("CPU", 1))


def _ray() -> Any:
    try:
        return import_module("ray")
    except ModuleNotFoundError:
        raise click.ClickException("--engine ray needs Ray, which is not installed: pip install -e '.[ray]'") from None


def _knock(address: str) -> None:
    """Raises `OSError` where nobody listens: Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), ANSWERS_WITHIN_S).close()


def do_all_on_ray(jobs: Sequence[Job], show: Show = lambda *_: None) -> list[Done]:
    """What the jobs came to, in their order, each done on one CPU of some node.

    Ctrl-C and SIGTERM stop them. Errors: those of a job; a lost node or worker is one line of click.
    """
    ray = _ray()
    connect()
    board = ray.remote(num_cpus=0)(_Board).remote(len(jobs))
    remote = ray.remote(num_cpus=1, max_retries=0, scheduling_strategy="SPREAD")(_do_there)
    try:
        with _marked(jobs[0].out) as mark, stopping(board.stop.remote):
            left = running = [remote.remote(_absolute(job), mark, board) for job in jobs]
            while left:
                done, left = ray.wait(left, num_returns=len(left), timeout=LOOK_EVERY_S)
                show(*ray.get(board.done.remote(), timeout=ANSWERS_WITHIN_S))
                if any(isinstance(one, Exception) for one in ray.get(done)):
                    board.stop.remote()
            return [whole(one) for one in ray.get(running)]
    except ray.exceptions.RayError as error:
        first = str(error).strip().partition("\n")[0]
        raise click.ClickException(f"expected every job of the cluster to end, one was lost: {first}; {LOST}") from None
    finally:
        ray.kill(board)


def _absolute(job: Job) -> Job:
    """The same job for a process that works in another folder."""
    model = replace(job.model, repository=str(Path(job.model.repository).absolute()))
    out = None if job.out is None else str(Path(job.out).absolute())
    if isinstance(job.log, TopicLog):
        return replace(job, model=model, out=out)
    places: dict[str, Any] = {"files": tuple(str(Path(file).absolute()) for file in job.log.files)}
    if not isinstance(job.log, EventLog) and job.log.folder is not None:
        places["folder"] = str(Path(job.log.folder).absolute())
    return replace(job, log=replace(job.log, **places), model=model, out=out)


@contextmanager
def _marked(out: str | None) -> Iterator[str | None]:
    """A file in the folder `out`, for as long as this lasts: who does not see it does not share the folder."""
    if out is None:
        yield None
        return
    Path(out).mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=Path(out).absolute(), prefix=".ray-") as file:
        yield file.name


class _Board:
    """Where jobs leave how far they are, and see whether they should stop. It is an actor of the cluster."""

    def __init__(self, jobs: int) -> None:
        self._told, self._stopped = [(0.0, 0)] * jobs, False

    def tell(self, nth: int, done: float, events: int) -> bool:
        """Whether to stop."""
        self._told[nth] = done, events
        return self._stopped

    def done(self) -> tuple[float, int]:
        """How much of all is done, and how many events these were."""
        return sum(done for done, _ in self._told) / len(self._told), sum(events for _, events in self._told)

    def stop(self) -> None:
        """From now on `tell` answers that a job should stop."""
        self._stopped = True


class _There:
    """What a job on some node tells, twice a second."""

    def __init__(self, tell: Callable[[int, float, int], bool]) -> None:
        self._tell, self._next_s, self._stopped = tell, 0.0, False

    def tell(self, share: Share, done: float, events: int) -> None:
        """Leave it on the board."""
        if time.monotonic() >= self._next_s:
            self._stopped = self._tell(share.nth, done, events)
            self._next_s = time.monotonic() + LOOK_EVERY_S

    def stopped(self) -> bool:
        """As of the last look."""
        return self._stopped


def _do_there(job: Job, mark: str | None, board: Any) -> Done | Exception:
    ray = _ray()
    quiet()

    def tell(*told: Any) -> bool:
        return bool(ray.get(board.tell.remote(*told), timeout=ANSWERS_WITHIN_S))

    def there() -> Done:
        require_shared(job, mark, ray.util.get_node_ip_address())
        return do(job, _There(tell))

    return told(there)


def require_shared(job: Job, mark: str | None, node: str) -> None:
    """Raises one line of click where this node does not see the files of a job, or writes to another `--out`."""
    files = () if isinstance(job.log, TopicLog) else job.log.files
    for path in (*files, *([mark] if mark else ())):
        if not Path(path).exists():
            msg = (
                f"expected {path} on the Ray node {node}, it is not there; --engine ray needs LOG, the model and --out "
                "on storage that all nodes share, under the same path (a log that is sorted first: TMPDIR too)"
            )
            raise click.ClickException(msg)

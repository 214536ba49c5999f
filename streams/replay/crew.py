"""Doing jobs side by side, in processes of their own; one job is done in this process."""

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.sharedctypes import Synchronized
from typing import Any, Final, TypeVar

import click

from streams.quiet import quiet
from streams.replay.job import Done, Job, do
from streams.replay.reading import NotInOrderError
from streams.replay.share import Share

T = TypeVar("T")
SHOW_EVERY_S: Final = 0.2
LOST: Final = (
    "expected every process of the replay to end by itself, one was killed, perhaps for its memory; what is in --out "
    "is not whole: replay again into a new folder, with fewer --processes"
)
Show = Callable[[float, int], None]
"""Is told how much is done, in [0, 1], and how many events these were."""


class _Here:
    """The only job, in this process."""

    def __init__(self, show: Show, stop: threading.Event) -> None:
        self._show, self.stopped = show, stop.is_set

    def tell(self, _share: Share, done: float, events: int) -> None:
        """Show it at once."""
        self._show(done, events)


class _Away:
    """A job in a process of its own: what it tells stands in shared memory, two numbers for each."""

    def __init__(self, told: "Synchronized[Any]", stop: Any) -> None:
        self._told, self.stopped = told, stop.is_set

    def tell(self, share: Share, done: float, events: int) -> None:
        """Leave it for who looks."""
        self._told[2 * share.nth : 2 * share.nth + 2] = (done, events)  # type: ignore[index]


def do_all(jobs: Sequence[Job], show: Show = lambda *_: None) -> list[Done]:
    """What the jobs came to, in their order. Ctrl-C and SIGTERM stop them: what they did until then is whole.

    Errors: those of a job; all others are stopped then.
    """
    if len(jobs) == 1:
        stop = threading.Event()
        with stopping(stop.set):
            return [do(jobs[0], _Here(show, stop))]
    context = get_context("spawn")
    stop_all, told = context.Event(), context.Array("d", 2 * len(jobs), lock=False)
    with (
        stopping(stop_all.set),
        ProcessPoolExecutor(len(jobs), context, initializer=_arrive, initargs=(told, stop_all)) as pool,
    ):
        with _deaf_to_ctrl_c():
            left = running = [pool.submit(_do_away, job) for job in jobs]
        while left:
            done, rest = wait(left, timeout=SHOW_EVERY_S)
            left = list(rest)
            show(sum(told[0::2]) / len(jobs), round(sum(told[1::2])))
            if any(one.exception() or isinstance(one.result(), Exception) for one in done):
                stop_all.set()
        try:
            return [whole(one.result()) for one in running]
        except BrokenProcessPool:
            raise click.ClickException(LOST) from None


_watch: _Away


def _arrive(told: Any, stop: Any) -> None:
    global _watch  # noqa: PLW0603  an initializer has no other way to leave something for the jobs of its process
    quiet()
    _watch = _Away(told, stop)


def _do_away(job: Job) -> Done | Exception:
    return told(lambda: do(job, _watch))


def told(work: Callable[[], T]) -> T | Exception:
    """What work came to, or its error as a value: not every class of error can be sent from one process to another."""
    try:
        return work()
    except click.ClickException as error:
        return click.ClickException(error.format_message())
    except (ValueError, NotInOrderError) as error:
        return NotInOrderError(str(error)) if isinstance(error, NotInOrderError) else ValueError(str(error))


def whole(result: T | Exception) -> T:
    """What work came to. Raises its error."""
    if isinstance(result, Exception):
        raise result
    return result


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Processes that are started within it never hear of Ctrl-C, which reaches every process of a terminal and would
    end those that are still importing. This process hears it afterwards."""
    if not hasattr(signal, "pthread_sigmask"):
        yield  # Windows: Ctrl-C while processes start ends them
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


@contextmanager
def stopping(stop: Callable[[], None]) -> Iterator[None]:
    """Within it, the first Ctrl-C or SIGTERM calls `stop`; a second one ends the process as ever."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may listen to signals
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def once(number: int, _frame: Any) -> None:
        signal.signal(number, before[signal.Signals(number)])
        stop()

    for number in before:
        signal.signal(number, once)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

"""An event loop on virtual time, and the simulated processes on it.

Time stands still while anything is ready to run, then jumps to the next timer; so nothing depends on how fast the
machine is. Every callback belongs to the process in whose context it was made: a killed process runs no further
callback, a paused one runs those that came due when it goes on.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import Context, ContextVar, copy_context
from itertools import count
from typing import Any, NoReturn

from streams.exit_codes import ExitCode
from streams.transport.fatal import way_out

GRID_S = 1e-6
"""Times are rounded to this, so that sums of floats made in another order are the same moment."""


class Ended(BaseException):  # not an Exception: nothing may catch it and go on
    """The simulated process ends here."""


class Process:
    """A simulated operating system process: the tasks that were made in its context."""

    def __init__(self, loop: "Loop", name: str, site: Any) -> None:
        """`site` is what its clients find outside: see `site.py`."""
        self.loop, self.name, self.site = loop, name, site
        self.clients = count()
        self.alive, self.paused = True, False
        self.exit: tuple[ExitCode, str] | None = None
        self.on_end: list[Callable[[], None]] = []
        self._parked: list[asyncio.Handle] = []
        self._context = copy_context()
        self._context.run(_process.set, self)
        self._context.run(way_out.set, self._leave)

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """A task of this process."""
        return self.loop.create_task(coroutine, context=self._context.copy())

    def end(self, code: ExitCode, reason: str) -> None:
        """It ends by itself, with a code; also how it is told that it took too long to stop."""
        if self.alive:
            self.exit = (code, reason)
            self.kill()

    def kill(self) -> None:
        """Nothing of it runs any more."""
        if self.alive:
            self.alive = False
            self._parked.clear()
            for end in self.on_end:
                end()

    def pause(self) -> None:
        """As SIGSTOP."""
        self.paused = True

    def resume(self) -> None:
        """As SIGCONT: whatever came due meanwhile runs now."""
        self.paused = False
        parked, self._parked = self._parked, []
        self.loop.ready.extend(parked)

    def park(self, handle: asyncio.Handle) -> None:
        """Keep a callback until the process goes on."""
        self._parked.append(handle)

    def _leave(self, code: ExitCode, reason: str) -> Any:
        self.end(code, reason)
        raise Ended


_process: ContextVar[Process | None] = ContextVar("process", default=None)


def current() -> Process:
    """The process whose callback runs now."""
    process = _process.get()
    assert process is not None, "expected to run in a simulated process"
    return process


def _nowhere(_code: ExitCode, _reason: str) -> NoReturn:
    raise Ended


class Deadlock(Exception):  # noqa: N818 (it tells what happened)
    """Nothing is left that could ever run."""


class Task(asyncio.Task):
    """A task with a number: Faust keeps sets of tasks, and their order must not come from where they lie in memory."""

    def __init__(self, coro: Any, *, number: int, name: str | None, **more: Any) -> None:
        self._number = number
        super().__init__(coro, name=name or f"Task-{number}", **more)

    def __hash__(self) -> int:
        return self._number

    def __eq__(self, other: object) -> bool:
        return self is other


class Loop(asyncio.AbstractEventLoop):
    """What asyncio needs of a loop, without sockets, threads and signals."""

    def __init__(self) -> None:
        self.ready: deque[asyncio.Handle] = deque()
        self.world = copy_context()  # no process: what the world does
        self.errors: list[str] = []
        self._now_s = 0.0
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._ids = count()
        self._running = False
        self.kept: list[Any] = []

    def time(self) -> float:
        return self._now_s

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return self._running

    def is_closed(self) -> bool:
        return False

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(self, coro, *, name=None, context=None):
        task = Task(coro, number=next(self._ids), loop=self, name=name, context=context)
        self.kept.append(task)  # a task that is collected unwinds, and a killed process must not
        return task

    def call_soon(self, callback, *args, context: Context | None = None) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self.ready.append(handle)
        return handle

    call_soon_threadsafe = call_soon

    def call_later(self, delay, callback, *args, context: Context | None = None) -> asyncio.TimerHandle:
        return self.call_at(self._now_s + delay, callback, *args, context=context)

    def call_at(self, when, callback, *args, context: Context | None = None) -> asyncio.TimerHandle:
        when = max(round(when / GRID_S) * GRID_S, self._now_s)
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self._ids), timer))
        return timer

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Cancelled timers are dropped when their time comes."""

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if error is not None and not isinstance(error, Ended):
            self.errors.append(f"{context.get('message')}: {error!r}")

    async def shutdown_asyncgens(self) -> None:
        """Nothing is closed: the loop ends with its world."""

    def forget(self) -> None:
        """Break the world down. What unwinds may not end the real process, and nobody hears its complaints."""
        way_out.set(_nowhere)
        for task in self.kept:
            task._log_destroy_pending = False
            with suppress(BaseException):
                task.get_coro().close()
        self.kept, self.ready, self._timers = [], deque(), []

    def run_until(self, done: Callable[[], bool], until_s: float) -> bool:
        """Let things happen until `done`, True, or until a time, False. Raises `Deadlock`."""
        asyncio._set_running_loop(self)  # for whoever writes event loops, says asyncio
        self._running = True
        try:
            while not done():
                if not self.ready and not self._advance(until_s):
                    return False
                self._turn()
        finally:
            self._running = False
            asyncio._set_running_loop(None)
        return True

    def _advance(self, until_s: float) -> bool:
        """Jump to the next timer, and make ready what is due then."""
        timers = self._timers
        while timers and timers[0][2].cancelled():
            heapq.heappop(timers)
        if not timers:
            raise Deadlock
        if timers[0][0] > until_s:
            self._now_s = until_s
            return False
        self._now_s = timers[0][0]
        while timers and timers[0][0] <= self._now_s:
            self.ready.append(heapq.heappop(timers)[2])
        return True

    def _turn(self) -> None:
        for _ in range(len(self.ready)):
            handle = self.ready.popleft()
            if handle.cancelled():
                continue
            process = handle._context.get(_process)
            if process is None or (process.alive and not process.paused):
                handle._run()
            elif process.alive:
                process.park(handle)

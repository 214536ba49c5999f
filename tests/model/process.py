"""A process of the model: production coroutines on an event loop that the model turns, one await at a time.

Whatever a real process would wait for outside itself is a `pause()`. One step of a process ends one of its pauses, or
some, and runs what follows until everything waits again; so between two steps it may die, or be forgotten and live
on as a zombie. Inside a step callbacks run in the order that asyncio promises.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any

from streams.table.transactions import TransactionFailed


class Gone(Exception):  # noqa: N818 (it tells what happened, as TransactionFailed does)
    """The process ends by itself."""


class Loop(asyncio.AbstractEventLoop):
    """What asyncio's tasks and futures need of a loop, and no clock: a wait with a time limit raises here.

    All processes of a world share it, one at a time: `tasks` belong to the one whose step it is.
    """

    def __init__(self) -> None:
        self.ready: deque[tuple[Any, Callable[..., Any], tuple[Any, ...]]] = deque()
        self.tasks: list[asyncio.Task[Any]] = []

    def __enter__(self) -> "Loop":
        asyncio._set_running_loop(self)  # for whoever writes event loops, says asyncio
        return self

    def __exit__(self, *_: object) -> None:
        asyncio._set_running_loop(None)

    def call_soon(self, callback, *args, context=None):
        self.ready.append((context, callback, args))

    def create_task(self, coro, *, name=None, context=None):
        task = asyncio.Task(coro, loop=self, name=name, context=context)
        self.tasks.append(task)
        return task

    def create_future(self):
        return asyncio.Future(loop=self)

    def get_debug(self):
        return False

    def call_exception_handler(self, context):
        """A process that dies leaves tasks behind: nobody wants to hear of them."""

    def turn(self) -> None:
        """Run what is ready, until nothing is."""
        ready = self.ready
        while ready:
            context, callback, args = ready.popleft()
            context.run(callback, *args)


class Process:
    """Coroutines that die together. A subclass spawns them."""

    def __init__(self, loop: Loop, rng: Random) -> None:
        self.rng = rng
        self._loop = loop
        self._tasks: list[asyncio.Task[Any]] = []
        self._pauses: list[asyncio.Future[None]] = []
        self._ended: asyncio.Task[Any] | None = None
        loop.tasks = self._tasks

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Run this too. When it fails, the process ends, as `end_if_failed` does it."""
        self._loop.create_task(coroutine).add_done_callback(self._look_at)

    def pause(self) -> "asyncio.Future[None]":
        """Await this: anything may happen meanwhile."""
        future = self._loop.create_future()
        self._pauses.append(future)
        return future

    def step(self, calm: bool = False) -> bool:
        """One await comes back, or half of them, or all of them where it is calm.

        False when the process has ended; raises what nobody expected.
        """
        self._loop.tasks = self._tasks
        pauses = len(self._pauses)
        for _ in range(pauses if calm else min(1, pauses) if self.rng.random() < 0.5 else (pauses + 1) // 2):
            self._end_a_pause()
        self._loop.turn()
        if self._ended is None:
            return True
        error = self._ended.exception()
        self.kill()
        if isinstance(error, Gone | TransactionFailed):
            return False
        raise error

    def kill(self) -> None:
        """Nothing of it goes on."""
        for task in self._tasks:
            task.get_coro().close()

    def _end_a_pause(self) -> None:
        pauses = self._pauses
        at = int(self.rng.random() * len(pauses))
        pauses[at], pauses[-1] = pauses[-1], pauses[at]
        over = pauses.pop()
        if not over.done():  # else its task was cancelled
            over.set_result(None)

    def _look_at(self, task: "asyncio.Task[Any]") -> None:
        if not task.cancelled() and task.exception() is not None and self._ended is None:
            self._ended = task

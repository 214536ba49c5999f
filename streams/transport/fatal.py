"""The end of the process: no failure of the data plane is survived.

Faust restarts an agent behind the record at which it failed and keeps a crashed worker half alive. A process that
ends at once, without a graceful path, leaves only what Kafka already holds; its successor reads on from there.
"""

import asyncio
import os
import traceback
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Final, NoReturn

from aiokafka import errors

from streams.exit_codes import ExitCode


class FencedInstanceIdError(errors.BrokerResponseError):  # type: ignore[misc]  # aiokafka has no types
    """What a broker answers a static member whose place another process has taken. aiokafka does not know it yet."""

    errno = 82
    message = "FENCED_INSTANCE_ID"
    description = "another process with the same KAIROS_INSTANCE_ID has taken the place of this one"

    def __repr__(self) -> str:
        return f"{self.message}: {self.description}"  # aiokafka hands on nothing but this


errors.kafka_errors.setdefault(FencedInstanceIdError.errno, FencedInstanceIdError)

_FENCED: Final = (errors.ProducerFenced, errors.InvalidProducerEpoch)
_UNAVAILABLE: Final = (
    errors.KafkaConnectionError,
    errors.KafkaTimeoutError,
    errors.NodeNotReadyError,
    errors.RequestTimedOutError,
    errors.BrokerNotAvailableError,
)
_LONGEST_REASON: Final = 2_000


def _exit(code: ExitCode, reason: str) -> NoReturn:
    """File descriptor 2 is written to directly: `sys.stderr` may be redirected to a logger that waits."""
    os.write(2, f"kairos: stopped with exit code {code.value} ({code.name.lower()}): {reason}\n".encode())
    os._exit(code)


way_out: Final[ContextVar[Callable[[ExitCode, str], NoReturn]]] = ContextVar("way_out", default=_exit)
"""How a process ends. Where one process simulates several, the tasks of each have a way out of their own."""


def end_process(code: ExitCode, reason: str) -> NoReturn:
    """Write one line to standard error and end the process with `code`, from any thread."""
    way_out.get()(code, " ".join(reason.split())[:_LONGEST_REASON])


def exit_code_of(error: BaseException) -> ExitCode:
    """The code that tells a supervisor what kind of failure `error` is: its own `exit_code`, where it has one.

    >>> exit_code_of(errors.ProducerFenced()).name
    'FENCED'
    >>> exit_code_of(ValueError("no such item")).name
    'INTERNAL'
    """
    own = getattr(error, "exit_code", None)
    if isinstance(own, ExitCode):
        return own
    if isinstance(error, _FENCED) or FencedInstanceIdError.message in str(error):
        return ExitCode.FENCED
    if isinstance(error, _UNAVAILABLE):
        return ExitCode.UNAVAILABLE
    if isinstance(error, TimeoutError):
        return ExitCode.NO_PROGRESS
    return ExitCode.INTERNAL


def end_with(error: BaseException, where: str) -> NoReturn:
    """End the process because of `error`; the line names `where`, the error and the place that raised it."""
    end_process(exit_code_of(error), f"{where} failed: {type(error).__name__}: {error}{_place(error)}")


def end_if_failed(done: "asyncio.Future[Any]") -> None:
    """A done callback for tasks and futures: their failure is the end of the process. Cancelling one is no failure."""
    if not done.cancelled() and (error := done.exception()) is not None:
        end_with(error, done.get_name() if isinstance(done, asyncio.Task) else "an append")


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f" (at {frames[-1].filename}:{frames[-1].lineno} in {frames[-1].name})" if frames else ""

"""The servers of a demo: a broker and Triton, started at the same time, and stopped whatever happens."""

import asyncio
import os
import platform
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final, Protocol, TypeVar

import msgspec

from inference.client.ready import wait_ready
from inference.repository import versions
from inference.server import TritonMissingError
from streams.broker_errors import talking_to
from streams.broker_features import has_transactions
from streams.demo.plan import Plan
from streams.embedded.apache_kafka import ApacheKafka
from streams.embedded.ports import PortTakenError
from streams.embedded.process import ServerError
from streams.embedded.tansu import EmbeddedBroker
from streams.embedded.triton import EmbeddedTriton, start_triton
from streams.settings import Settings

TRITON_READY_S: Final = 10.0


class _Stoppable(Protocol):
    def stop(self) -> None: ...


Server = TypeVar("Server", bound=_Stoppable)


@contextmanager
def running_servers(plan: Plan, settings: Settings) -> Iterator[Settings]:
    """The settings with the addresses of the servers, while they run.

    Raises `ModelMissingError`, `TritonMissingError`, `NotReadyError`, `NoBroker`, `PortTakenError` and `ServerError`,
    each in one line.
    """
    if settings.model:
        versions(Path(settings.models_dir), settings.model)
    with ExitStack() as stack, ThreadPoolExecutor(2) as threads:
        triton = _triton(settings, stack, threads)
        broker = None if plan.broker else _started(stack, threads, lambda: _broker(plan))
        address = plan.broker or (broker.result().bootstrap if broker else "")
        with talking_to(address):
            transactions = asyncio.run(has_transactions({"bootstrap_servers": address}))
        yield msgspec.structs.replace(
            settings,
            broker=address,
            transactions="on" if transactions else "off",
            triton=settings.triton if triton is None else triton.result().grpc_address,
        )


def runs_in_process(settings: Settings) -> bool:
    """Whether the worker runs the model itself: it was told to, or there is no Triton for this system."""
    return bool(settings.model) and not settings.triton


def without_triton(settings: Settings) -> Settings:
    """The settings, without Triton where no server was named and none exists for this system."""
    if platform.system() == "Linux" or "KAIROS_TRITON" in os.environ:
        return settings
    return msgspec.structs.replace(settings, triton="")


def _triton(settings: Settings, stack: ExitStack, threads: ThreadPoolExecutor) -> "Future[EmbeddedTriton] | None":
    """The embedded server on its way; None where there is nothing to start."""
    if not settings.model or not settings.triton:
        return None
    if "KAIROS_TRITON" in os.environ:
        asyncio.run(wait_ready(settings.triton, settings.model, TRITON_READY_S))
        return None
    return _started(stack, threads, lambda: start_triton(Path(settings.models_dir)))


def _broker(plan: Plan) -> ApacheKafka | EmbeddedBroker:
    return ApacheKafka().start() if plan.apache_kafka else EmbeddedBroker().start()


def _started(stack: ExitStack, threads: ThreadPoolExecutor, start: Callable[[], Server]) -> "Future[Server]":
    """A server on its way; it is stopped at the end, also when the end comes before it has started."""
    future = threads.submit(start)
    stack.callback(_stop, future)
    return future


def _stop(future: "Future[Server]") -> None:
    if not future.cancel():
        with suppress(ServerError, TritonMissingError, PortTakenError):  # told already, to who waited for it
            future.result().stop()

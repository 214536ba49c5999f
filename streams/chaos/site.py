"""Everything that a nemesis can strike: machines with workers, brokers, the network, Triton."""

import asyncio
from pathlib import Path
from typing import Final, NamedTuple

from streams.chaos.machine import Machine
from streams.chaos.wires import Network
from streams.embedded.apache_kafka import ApacheKafka
from streams.embedded.triton import EmbeddedTriton, start_triton

BROKERS: Final = 3


class TritonPlace:
    """A Triton server that can be killed and started again at its old address. Use it as `async with`."""

    def __init__(self, models: Path) -> None:
        self._models = models
        self._server: EmbeddedTriton | None = None

    @property
    def address(self) -> str:
        """Where clients ask."""
        assert self._server is not None
        return self._server.grpc_address

    async def kill(self) -> None:
        """SIGKILL."""
        if self._server is not None:
            await asyncio.to_thread(self._server.process.kill)
            await asyncio.to_thread(self._server.stop)

    async def start(self) -> None:
        """Start it, where it was before if it was. Errors: those of `start_triton`."""
        ports = (self._server.ports.grpc, self._server.ports.http) if self._server else (0, 0)
        self._server = await asyncio.to_thread(start_triton, self._models, *ports)

    async def __aenter__(self) -> "TritonPlace":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kill()


class Site(NamedTuple):
    """What stands and can fall."""

    machines: list[Machine]
    network: Network
    kafka: ApacheKafka
    triton: TritonPlace

"""A way to a server that can be made slow, silent or broken, for all that passes and all that comes."""

import asyncio
import contextlib
from typing import Literal, Self

from streams.embedded.ports import free_ports

HOST = "127.0.0.1"
How = Literal["passes", "delays", "silent", "resets"]


class Hindered:
    """Listens at `address` and passes bytes on to `server`. Use it as `async with`.

    `delays`: each answer comes `delay_s` late. `silent`: it takes what it is told, and nothing comes back. `resets`:
    every connection is broken off, the next ones as soon as they are made.
    """

    def __init__(self, server: str, delay_s: float = 10.0) -> None:
        self.delay_s = delay_s
        self._how: How = "passes"
        self._server_port = int(server.rpartition(":")[2])
        (self._port,) = free_ports(1)
        self._clients: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> str:
        """Where clients ask: host:port."""
        return f"{HOST}:{self._port}"

    def now(self, how: How) -> None:
        """From now on."""
        self._how = how
        if how in ("passes", "resets"):  # what hangs in an old connection would hang on in it
            for client in self._clients:
                client.transport.abort()

    async def __aenter__(self) -> Self:
        self._listening = await asyncio.start_server(self._accepted, HOST, self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listening.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._carry(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._how == "resets":
            writer.transport.abort()
            return
        self._clients.add(writer)
        with contextlib.suppress(OSError), contextlib.closing(writer):
            inner_reader, inner_writer = await asyncio.open_connection(HOST, self._server_port)
            with contextlib.closing(inner_writer):
                ways = {
                    asyncio.create_task(self._there(reader, inner_writer)),
                    asyncio.create_task(self._back(inner_reader, writer)),
                }
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        self._clients.discard(writer)

    async def _there(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(1 << 16):
            if self._how != "silent":
                writer.write(piece)
                await writer.drain()

    async def _back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(1 << 16):
            if self._how == "delays":
                await asyncio.sleep(self.delay_s)
            if self._how != "silent":
                writer.write(piece)
                await writer.drain()

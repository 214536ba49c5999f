"""The network between the workers and the brokers, as wires of our own that can be cut.

Every machine has a wire to every broker. A broker has a door for each machine, where it tells its clients the address
of the wire, so whatever a worker says to a broker passes the wire and no other way exists. Against network namespaces:
no root, any system; against rewriting what brokers say of themselves: no protocol to know.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Final, Self

from streams.embedded.apache_kafka import Door

HOST: Final = "127.0.0.1"
PIECE: Final = 1 << 16


class Wire:
    """Carries bytes from `door.outer` to `door.inner` and back.

    While it is cut nothing passes, and neither end is told: connections stay, as between two machines whose switch is
    off. What was on its way arrives when it is mended.
    """

    def __init__(self, door: Door) -> None:
        self._door = door
        self._whole = asyncio.Event()
        self._whole.set()
        self._server: asyncio.Server | None = None
        self._carrying: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen. Raises `OSError` where the port is taken."""
        self._server = await asyncio.start_server(self._accepted, HOST, self._door.outer)

    async def stop(self) -> None:
        """Close every connection."""
        if self._server is not None:
            self._server.close()
        for task in self._carrying:
            task.cancel()
        await asyncio.gather(*self._carrying, return_exceptions=True)

    def cut(self) -> None:
        """From now on nothing passes."""
        self._whole.clear()

    def mend(self) -> None:
        """Everything passes again."""
        self._whole.set()

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._carry(reader, writer))
        self._carrying.add(task)
        task.add_done_callback(self._carrying.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(OSError):  # nobody behind the door: the caller is told
            await self._whole.wait()
            inner_reader, inner_writer = await asyncio.open_connection(HOST, self._door.inner)
            with contextlib.closing(inner_writer):
                ways = [self._pass_on(reader, inner_writer), self._pass_on(inner_reader, writer)]
                tasks = [asyncio.create_task(way) for way in ways]
                try:
                    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for task in tasks:
                        task.cancel()
                    await asyncio.gather(*tasks, return_exceptions=True)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(PIECE):
            await self._whole.wait()
            writer.write(piece)
            await writer.drain()
        await self._whole.wait()  # a cut wire does not tell of a goodbye either


class Network:
    """All wires: `doors` are by broker, then by machine. Use it as `async with`."""

    def __init__(self, doors: Sequence[Sequence[Door]]) -> None:
        self._doors = doors
        self.wires = [[Wire(door) for door in own] for own in doors]

    def bootstrap(self, machine: int) -> str:
        """What a worker on this machine is told of the brokers."""
        return ",".join(f"{HOST}:{own[machine].outer}" for own in self._doors)

    async def __aenter__(self) -> Self:
        for wire in self._all():
            await wire.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*(wire.stop() for wire in self._all()))

    def _all(self) -> list[Wire]:
        return [wire for own in self.wires for wire in own]

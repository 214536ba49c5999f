"""A wire between a client and a server: what passes, what does not while it is cut, what comes when it is mended."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from aiokafka import AIOKafkaProducer

from schemas.topics import CLOCK
from streams.chaos.wires import HOST, Network, Wire
from streams.embedded.apache_kafka import ApacheKafka, Door
from streams.embedded.ports import free_ports
from streams.settings import Settings
from streams.topics import create
from tests.kafka_providers import brokers_of_its_own

SOON_S = 0.3
WITHIN_S = 30


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    """A door with a server behind it that answers every line with the same line."""
    door = Door(*free_ports(2))

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line)
        writer.close()

    server = await asyncio.start_server(echo, HOST, door.inner)
    yield door
    server.close()


@pytest.fixture
async def wire(door: Door) -> AsyncIterator[Wire]:
    wire = Wire(door)
    await wire.start()
    yield wire
    await wire.stop()


async def said_back(reader: asyncio.StreamReader, limit_s: float) -> bytes:
    """What comes within the limit; raises `TimeoutError`."""
    async with asyncio.timeout(limit_s):
        return await reader.readline()


async def test_what_goes_in_comes_out_and_back(wire: Wire, door: Door) -> None:
    reader, writer = await asyncio.open_connection(HOST, door.outer)

    writer.write(b"hello\n")

    assert await said_back(reader, WITHIN_S) == b"hello\n"
    writer.close()


async def test_a_cut_wire_passes_nothing_tells_nobody_and_delivers_when_it_is_mended(wire: Wire, door: Door) -> None:
    reader, writer = await asyncio.open_connection(HOST, door.outer)
    writer.write(b"before\n")
    await said_back(reader, WITHIN_S)

    wire.cut()
    writer.write(b"meanwhile\n")
    with pytest.raises(TimeoutError):
        await said_back(reader, SOON_S)
    wire.mend()

    assert await said_back(reader, WITHIN_S) == b"meanwhile\n"
    writer.close()


async def test_a_new_connection_over_a_cut_wire_waits_until_it_is_mended(wire: Wire, door: Door) -> None:
    wire.cut()

    reader, writer = await asyncio.open_connection(HOST, door.outer)
    writer.write(b"hello\n")
    with pytest.raises(TimeoutError):
        await said_back(reader, SOON_S)
    wire.mend()

    assert await said_back(reader, WITHIN_S) == b"hello\n"
    writer.close()


async def test_where_nobody_is_behind_the_door_the_caller_is_hung_up_on(wire: Wire, door: Door) -> None:
    lonely = Door(free_ports(1)[0], free_ports(1)[0])
    other = Wire(lonely)
    await other.start()

    reader, writer = await asyncio.open_connection(HOST, lonely.outer)

    assert await said_back(reader, WITHIN_S) == b""
    writer.close()
    await other.stop()


async def test_the_end_of_one_side_is_the_end_of_the_other(wire: Wire, door: Door) -> None:
    reader, writer = await asyncio.open_connection(HOST, door.outer)
    writer.write(b"hello\n")
    await said_back(reader, WITHIN_S)

    writer.write_eof()

    assert await said_back(reader, WITHIN_S) == b""
    writer.close()


@pytest.mark.kafka
@brokers_of_its_own
async def test_whoever_comes_to_a_broker_by_a_door_says_everything_over_the_wire() -> None:
    kafka = ApacheKafka(doors=2)
    async with AsyncExitStack() as stack:
        stack.callback(kafka.stop)
        await asyncio.to_thread(kafka.start)
        network = await stack.enter_async_context(Network(kafka.doors))
        client = await stack.enter_async_context(
            AIOKafkaProducer(bootstrap_servers=network.bootstrap(1), request_timeout_ms=30_000)
        )
        known = {(broker.host, broker.port) for broker in client.client.cluster.brokers()}
        await create(Settings(broker=kafka.bootstrap, topic_prefix="", timeline_partitions=1))

        await client.send_and_wait(CLOCK.name, b"before")
        network.wires[0][0].cut()
        await client.send_and_wait(CLOCK.name, b"another machine's wire is cut")
        network.wires[0][1].cut()
        sending = asyncio.create_task(client.send_and_wait(CLOCK.name, b"our own wire is cut"))
        done, _ = await asyncio.wait({sending}, timeout=SOON_S)
        network.wires[0][1].mend()
        await asyncio.wait_for(sending, WITHIN_S)

    assert known == {(HOST, kafka.doors[0][1].outer)}
    assert not done

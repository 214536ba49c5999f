"""Brokers of ours start, stop, restart, and leave no process, no port and no folder behind."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from streams.embedded.apache_kafka import ApacheKafka
from streams.embedded.cluster import bootstrap_answers
from streams.embedded.ports import PortTakenError, free_ports, require_free
from streams.embedded.tansu import EmbeddedBroker

COMMAND = [sys.executable, "-c", "from streams.commands.broker import broker; broker()"]
KINDS = [pytest.param([], id="embedded"), pytest.param(["--apache-kafka"], id="apache", marks=pytest.mark.kafka)]
BROKERS = [pytest.param(EmbeddedBroker, id="embedded"), pytest.param(ApacheKafka, id="apache", marks=pytest.mark.kafka)]


def started(arguments: list[str], temporary: Path, *, port: int = 0) -> subprocess.Popen[str]:
    """`kairos broker` in a process of its own, with its folders in `temporary`."""
    environment = {**os.environ, "TMPDIR": str(temporary)}
    return subprocess.Popen(
        [*COMMAND, *arguments, "--port", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


def line(stream: IO[str] | None) -> str:
    assert stream is not None
    return stream.readline().strip()


def eventually(holds: Callable[[], bool], within_s: float = 10) -> bool:
    deadline = time.monotonic() + within_s
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.05)
    return holds()


def port_is_free(port: int) -> bool:
    try:
        require_free(port)
    except PortTakenError:
        return False
    return True


def processes_naming(folder: Path) -> list[str]:
    """Command lines of live processes that name the folder, as servers of ours do."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in command:
            found.append(command)
    return found


@pytest.mark.parametrize("kind", BROKERS)
def test_a_stopped_broker_leaves_its_port_free(kind: type[EmbeddedBroker] | type[ApacheKafka]) -> None:
    (port,) = free_ports(1)

    with kind(port=port) as broker:
        assert broker.bootstrap == f"127.0.0.1:{port}"
        assert bootstrap_answers(broker.bootstrap)
        assert broker.alive

    assert not broker.alive
    assert port_is_free(port)


@pytest.mark.parametrize("kind", BROKERS)
def test_a_taken_port_is_an_error_that_names_it(kind: type[EmbeddedBroker] | type[ApacheKafka]) -> None:
    with EmbeddedBroker() as other:
        port = int(other.bootstrap.rpartition(":")[2])

        with pytest.raises(PortTakenError, match=f"port {port} of 127.0.0.1 is taken"):
            kind(port=port).start()


@pytest.mark.parametrize("arguments", KINDS)
@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_the_command_prints_the_address_and_stops_in_good_order(
    tmp_path: Path, arguments: list[str], ending: signal.Signals
) -> None:
    with started(arguments, tmp_path) as command:
        address = line(command.stdout)
        answered = bootstrap_answers(address)

        command.send_signal(ending)
        command.wait(15)

    assert answered
    assert command.returncode == 0
    assert port_is_free(int(address.rpartition(":")[2]))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.kafka
def test_a_command_told_to_stop_while_it_starts_leaves_nothing_behind(tmp_path: Path) -> None:
    with started(["--apache-kafka"], tmp_path) as command:
        assert eventually(lambda: list(tmp_path.glob("kairos-kafka-*/log")) != [])  # formatted, not yet ready

        command.send_signal(signal.SIGTERM)
        output, _ = command.communicate(timeout=15)

    assert (command.returncode, output) == (0, "")
    assert eventually(lambda: processes_naming(tmp_path) == [])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", KINDS)
def test_nothing_outlives_a_command_killed_by_sigkill(tmp_path: Path, arguments: list[str]) -> None:
    with started(arguments, tmp_path) as command:
        address = line(command.stdout)
        children = processes_naming(tmp_path)

        command.kill()
        command.wait(15)

    assert len(children) >= 1
    assert eventually(lambda: processes_naming(tmp_path) == [])
    assert eventually(lambda: port_is_free(int(address.rpartition(":")[2])))
    assert eventually(lambda: list(tmp_path.iterdir()) == [])


def test_the_command_says_in_one_line_that_its_port_is_taken(tmp_path: Path) -> None:
    with EmbeddedBroker() as other:
        port = int(other.bootstrap.rpartition(":")[2])

        with started([], tmp_path, port=port) as command:
            output, errors = command.communicate(timeout=30)

    assert command.returncode == 1
    assert output == ""
    assert errors.count("\n") == 1
    assert f"port {port} of 127.0.0.1 is taken" in errors


@pytest.mark.kafka
async def test_three_brokers_lose_nothing_when_one_crashes_and_one_restarts() -> None:
    cluster = await asyncio.to_thread(ApacheKafka(brokers=3).start)
    try:
        admin = AIOKafkaAdminClient(bootstrap_servers=cluster.bootstrap)
        await admin.start()
        await admin.create_topics([NewTopic("orders", 1, 3)])
        await admin.close()
        async with AIOKafkaProducer(
            bootstrap_servers=cluster.bootstrap, acks="all", enable_idempotence=True
        ) as producer:
            await producer.send_and_wait("orders", b"before", partition=0)
            for index, hard in ((0, True), (1, False)):
                await asyncio.to_thread(cluster.stop_broker, index, hard=hard)
                await asyncio.wait_for(producer.send_and_wait("orders", b"without one", partition=0), 60)
                await asyncio.to_thread(cluster.start_broker, index)
        async with AIOKafkaConsumer(bootstrap_servers=cluster.bootstrap, enable_auto_commit=False) as consumer:
            consumer.assign([TopicPartition("orders", 0)])
            await consumer.seek_to_beginning()
            records = [await asyncio.wait_for(consumer.getone(), 30) for _ in range(3)]
    finally:
        await asyncio.to_thread(cluster.stop)

    assert [record.value for record in records] == [b"before", b"without one", b"without one"]

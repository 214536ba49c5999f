import asyncio
import socket
import time
from collections.abc import AsyncIterator

import pytest

from streams.exit_codes import ExitCode
from streams.table.transactions import Fenced, Owned, PartitionWriter, TransactionFailed, partition_of


@pytest.fixture
async def deaf_port() -> AsyncIterator[int]:
    """A port where somebody takes every connection and never says a word."""
    server = await asyncio.start_server(lambda reader, writer: asyncio.sleep(60), "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def closed_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


@pytest.mark.parametrize(
    ("key", "java_hash"),  # from the tests of Apache Kafka's own Utils.murmur2
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_outputs_go_where_java_producers_would_put_them(key: bytes, java_hash: int) -> None:
    assert partition_of(key, 8) == (java_hash & 0x7FFFFFFF) % 8
    assert partition_of(key, 1000) == (java_hash & 0x7FFFFFFF) % 1000


def test_the_exit_code_tells_a_fenced_worker_from_a_failed_one() -> None:
    assert (Fenced.exit_code, TransactionFailed.exit_code) == (ExitCode.FENCED, ExitCode.INTERNAL)


@pytest.mark.parametrize("transactions", [True, False])
async def test_a_writer_that_reaches_no_broker_says_so(transactions: bool) -> None:
    writer = PartitionWriter(
        {"bootstrap_servers": f"127.0.0.1:{closed_port()}"}, Owned("shop", 3), transactions=transactions, timeout_s=5
    )

    with pytest.raises(TransactionFailed, match=r"shop-3 to start, got .*Unable to bootstrap"):
        await writer.start()


async def test_a_writer_does_not_wait_for_ever_for_a_broker_that_is_silent(deaf_port: int) -> None:
    writer = PartitionWriter({"bootstrap_servers": f"127.0.0.1:{deaf_port}"}, Owned("shop", 3), timeout_s=0.5)
    began = time.monotonic()

    with pytest.raises(TransactionFailed):
        await writer.start()

    assert time.monotonic() - began < 5

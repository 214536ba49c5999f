"""What the tests of the transport do on Kafka: topics, batches, transactions, offsets, and workers to look at."""

import asyncio
import json
import os
import signal
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from streams.transport.batches import NO_HEADERS, send_batches

ROOT = Path(__file__).parents[2]
LIMIT_S = 40.0


class Worker:
    """A process with one agent; `lines` is what it told so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[dict[str, Any]] = []
        self.errors = b""
        self._told = asyncio.Condition()
        self._ended = False
        self._tasks = [asyncio.create_task(self._read_lines()), asyncio.create_task(self._read_errors())]

    async def tells(self, *names: str, limit_s: float = LIMIT_S) -> dict[str, Any]:
        """The first line not asked for before that has one of these names."""
        async with asyncio.timeout(limit_s), self._told:
            while True:
                for line in self.lines:
                    if not line.get("taken") and any(name in line for name in names):
                        line["taken"] = True
                        return line
                await self._next_line(f"told {names}")

    async def has_seen(self, count: int, limit_s: float = LIMIT_S) -> list[bytes]:
        """The values of the first blocks, `count` records at least."""
        async with asyncio.timeout(limit_s), self._told:
            while len(self.seen) < count:
                await self._next_line(f"seen {count} records")
        return self.seen

    @property
    def seen(self) -> list[bytes]:
        """The values of all blocks so far, in the order in which they came."""
        return [bytes.fromhex(value) for line in self.lines for value in line.get("seen", ())]

    async def ask(self, **what: Any) -> None:
        """Write one line to the worker's standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write((json.dumps(what) + "\n").encode())
        await self.process.stdin.drain()

    async def ends(self, limit_s: float = LIMIT_S) -> tuple[int, str]:
        """The exit code, and the line in which the process said why it ended."""
        async with asyncio.timeout(limit_s):
            code = await self.process.wait()
            await asyncio.gather(*self._tasks)
        lines = self.errors.decode().splitlines()
        return code, next((line for line in lines if line.startswith("kairos:")), self.errors.decode()[-3000:])

    def send_signal(self, number: signal.Signals) -> None:
        """As an operator would."""
        self.process.send_signal(number)

    async def kill(self) -> None:
        """End the process without a chance to say anything."""
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        await asyncio.gather(*self._tasks)

    async def _read_lines(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            if line.startswith(b"{"):
                async with self._told:
                    self.lines.append(json.loads(line))
                    self._told.notify_all()
        async with self._told:
            self._ended = True
            self._told.notify_all()

    async def _next_line(self, hoped: str) -> None:
        assert not self._ended, f"the worker ended before it had {hoped}: {self.errors.decode()[-2000:]}"
        await self._told.wait()

    async def _read_errors(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            self.errors += line


class Cluster:
    """A Kafka with one topic for one test, and the workers of one group on it."""

    def __init__(self, bootstrap: str, datadir: Path, *, idempotent: bool = True) -> None:
        self.bootstrap, self.datadir, self.idempotent = bootstrap, datadir, idempotent
        self.topic = f"transport-{uuid.uuid4().hex[:12]}"
        self.group = f"group-{self.topic}"
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def create(self, partitions: int = 1, topic: str | None = None, **config: str) -> None:
        """Create the topic."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            await admin.create_topics([NewTopic(topic or self.topic, partitions, 1, topic_configs=config)])
        finally:
            await admin.close()

    async def worker(self, behaviour: str, **others: Any) -> Worker:
        """Start a worker; it is killed at the end of the test."""
        told = {"bootstrap": self.bootstrap, "topic": self.topic, "group": self.group, "behaviour": behaviour}
        told |= {"datadir": str(self.datadir / uuid.uuid4().hex)} | others
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.integration.transport_worker", json.dumps(told),
            cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, limit=64 << 20,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        worker = Worker(process)
        self._stack.push_async_callback(worker.kill)
        return worker

    async def append(self, *batches: Sequence[bytes], partition: int = 0) -> None:
        """Append each sequence of values as a record batch of its own, in order."""
        async with self._producer() as producer:
            await self._send(producer, batches, partition)

    async def transact(self, values: Sequence[bytes], *, commit: bool) -> None:
        """Append the values to partition 0 in a transaction, which is committed or aborted."""
        async with self._producer(transactional_id=uuid.uuid4().hex) as producer:
            await producer.begin_transaction()
            await self._send(producer, [values], 0)
            await (producer.commit_transaction() if commit else producer.abort_transaction())

    async def committed(self, partition: int = 0) -> int | None:
        """What the group has committed."""
        async with self._consumer(group_id=self.group) as consumer:
            offset: int | None = await consumer.committed(TopicPartition(self.topic, partition))
            return offset

    async def committed_reaches(self, offset: int, partition: int = 0, limit_s: float = LIMIT_S) -> None:
        """Wait until the group has committed `offset`; what is committed must never be more."""
        deadline = time.monotonic() + limit_s
        while (found := await self.committed(partition)) != offset:
            assert found is None or found < offset, f"committed {found}, no more than {offset} was expected"
            assert time.monotonic() < deadline, f"committed {found} after {limit_s} s, expected {offset}"
            await asyncio.sleep(0.1)

    async def end(self, partition: int = 0) -> int:
        """The end of the log."""
        async with self._consumer() as consumer:
            tp = TopicPartition(self.topic, partition)
            return int((await consumer.end_offsets([tp]))[tp])

    async def values(self, topic: str) -> list[bytes]:
        """The keys of everything in partition 0 of a topic, in log order."""
        async with self._consumer(auto_offset_reset="earliest") as consumer:
            tp, found = TopicPartition(topic, 0), []
            consumer.assign([tp])
            while await consumer.position(tp) < (await consumer.end_offsets([tp]))[tp]:
                for records in (await consumer.getmany(tp, timeout_ms=200)).values():
                    found += [record.key for record in records]
            return found

    async def _send(self, producer: AIOKafkaProducer, batches: Iterable[Sequence[bytes]], partition: int) -> None:
        for values in batches:
            records = [(b"k", value, NO_HEADERS) for value in values]
            now_ms = int(time.time() * 1000)
            await asyncio.gather(*await send_batches(producer, self.topic, partition, records, now_ms))

    @asynccontextmanager
    async def _producer(self, **settings: Any) -> AsyncIterator[AIOKafkaProducer]:
        producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap, enable_idempotence=self.idempotent, **settings)
        await producer.start()
        try:
            yield producer
        finally:
            await producer.stop()

    @asynccontextmanager
    async def _consumer(self, **settings: Any) -> AsyncIterator[AIOKafkaConsumer]:
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap, enable_auto_commit=False, **settings)
        await consumer.start()
        try:
            yield consumer
        finally:
            await consumer.stop()


async def until(holds: Callable[[], bool], limit_s: float = LIMIT_S) -> None:
    """Wait until the condition holds."""
    deadline = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < deadline, f"it did not come true within {limit_s} s"
        await asyncio.sleep(0.05)


def numbered(start: int, stop: int) -> list[bytes]:
    """Values that can be told apart: `b"start"` to `b"stop - 1"`."""
    return [b"%d" % number for number in range(start, stop)]

"""What the transport alone costs: events/s and CPU of an agent that does nothing, and produce -> block at a low rate.

`python -m tests.benchmarks.transport_speed [BOOTSTRAP]`; without an address it starts an Apache Kafka. Prints one JSON
object. CPU is that of the worker's process, from its first block to its last.
"""

import asyncio
import gc
import json
import os
import random
import subprocess
import sys
import time
import uuid
from contextlib import ExitStack
from typing import Any

import faust
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from faust.types import StreamT

from streams.embedded.apache_kafka import ApacheKafka
from streams.transport.batches import NO_HEADERS, send_batches
from streams.transport.blocks import in_hand
from streams.transport.settings import faust_settings

BACKLOG, PARTITIONS, RATE, SECONDS = 1_000_000, 24, 2_000, 15
BODY = (
    b'{"messageId":"%s","userId":"user-%06d","type":"track","event":"Product Viewed","timestamp":"2026-11-23T00:00Z",'
    b'"properties":{"product_id":"sku-1004856","category":"electronics.smartphone","price":130.76,"brand":"samsung"}}'
)


def event() -> bytes:
    """About 230 bytes that do not compress too well."""
    return BODY % (uuid.uuid4().hex.encode(), random.randrange(20_000))


async def create(bootstrap: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, PARTITIONS, 1)])
    await admin.close()
    await asyncio.sleep(2)  # until every partition has its leader


async def load(bootstrap: str, topic: str) -> None:
    """A backlog, in batches of 500 as producers with some linger make them."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, compression_type="snappy", max_batch_size=1_000_000)
    await producer.start()
    events = [(b"user", event(), NO_HEADERS) for _ in range(20_000)]
    for start in range(0, BACKLOG, 500 * PARTITIONS):
        futures = []
        for partition in range(min(PARTITIONS, (BACKLOG - start) // 500)):
            at = (start + partition * 500) % 20_000
            futures += await send_batches(producer, topic, partition, events[at : at + 500], int(time.time() * 1000))
        await asyncio.gather(*futures)
    await producer.stop()


async def trickle(bootstrap: str, topic: str) -> None:
    """Single events at a steady rate, each with the time at which it was sent."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=0)
    await producer.start()
    began, sent = time.perf_counter(), 0
    while sent < RATE * SECONDS:
        due = min(RATE * SECONDS, int((time.perf_counter() - began) * RATE) + 1)
        for _ in range(due - sent):
            value = b"%d" % time.time_ns() + event()
            await producer.send(topic, value, partition=random.randrange(PARTITIONS))
        sent = due
        await asyncio.sleep(0.002)
    await producer.flush()
    await producer.stop()


def app_of(bootstrap: str, topic: str) -> faust.App:
    app = faust.App(f"bench-{topic}", broker=f"blocks://{bootstrap}", datadir=f"/tmp/bench-{topic}", **faust_settings())
    raw = {"key_type": bytes, "value_type": bytes, "key_serializer": "raw", "value_serializer": "raw", "acks": False}
    app.agent(app.topic(topic, **raw), name="nothing")(nothing)
    return app


async def nothing(stream: StreamT[Any]) -> None:
    """Takes blocks in until all are there, then says what it cost."""
    expected, seen, latencies, began, cpu, blocks = int(sys.argv[4]), 0, [], 0.0, 0.0, 0
    async for first in stream:
        if not began:
            began, cpu = time.perf_counter(), time.process_time()
        for block in in_hand(first, stream.channel.queue):
            seen += len(block.records)
            blocks += 1
            if expected < BACKLOG:
                now_ns = time.time_ns()
                latencies += [(now_ns - int(record.value[:19])) / 1e6 for record in block.records]
            block.release()
            block.durable()
        if seen >= expected:
            took_s = time.perf_counter() - began
            told = {"events_per_s": round(seen / took_s), "cores": round((time.process_time() - cpu) / took_s, 3)}
            told |= {"cpu_s_per_million": round((time.process_time() - cpu) / seen * 1e6, 2), "blocks": blocks}
            if latencies:
                latencies.sort()
                told |= {f"p{p}_ms": round(latencies[int(len(latencies) * p / 100)], 1) for p in (50, 99)}
                told["max_ms"] = round(latencies[-1], 1)
            os.write(1, json.dumps(told).encode())
            os._exit(0)


def work(bootstrap: str, topic: str, expected: int) -> subprocess.Popen[bytes]:
    """The worker, in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.transport_speed", "worker", bootstrap, topic, str(expected)]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def measure(bootstrap: str) -> dict[str, Any]:
    backlog, low = f"bench-{uuid.uuid4().hex[:8]}", f"bench-{uuid.uuid4().hex[:8]}"
    asyncio.run(create(bootstrap, backlog))
    asyncio.run(load(bootstrap, backlog))
    full = work(bootstrap, backlog, BACKLOG).communicate(timeout=120)[0]
    asyncio.run(create(bootstrap, low))
    worker = work(bootstrap, low, RATE * SECONDS)
    time.sleep(6)
    asyncio.run(trickle(bootstrap, low))
    return {"backlog": json.loads(full), f"at_{RATE}_per_s": json.loads(worker.communicate(timeout=60)[0])}


def main() -> None:
    if sys.argv[1:2] == ["worker"]:
        gc.set_threshold(200_000, 50, 1_000)
        nowhere = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
        worker = faust.Worker(app_of(sys.argv[2], sys.argv[3]), loglevel="ERROR", quiet=True, stdout=nowhere)
        worker.execute_from_commandline()
    with ExitStack() as stack:
        bootstrap = sys.argv[1] if len(sys.argv) > 1 else stack.enter_context(ApacheKafka()).bootstrap
        print(json.dumps(measure(bootstrap), indent=2))


if __name__ == "__main__":
    main()

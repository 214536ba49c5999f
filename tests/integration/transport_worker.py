"""A real Faust worker on the blocks transport, one agent, told by a JSON argument how to behave.

Run as `python -m tests.integration.transport_worker '{"bootstrap": ..., "topic": ..., "behaviour": ...}'`. It tells
what it does as JSON lines on standard output.
"""

import asyncio
import json
import os
import sys
from collections.abc import Coroutine
from typing import Any

import faust
from faust.types import TP, StreamT

from schemas.topics import CLICK
from streams.core.clean import CleanRules
from streams.ingest import Ingest, Names
from streams.transport.blocks import Block
from streams.transport.settings import Options, configure, faust_settings

WITH = json.loads(sys.argv[1])
TOPIC = WITH["topic"]
held: list[Block] = []


def tell(**what: Any) -> None:
    """One line for the test; written at once, whatever becomes of the process."""
    os.write(1, (json.dumps(what) + "\n").encode())


def tell_seen(block: Block) -> None:
    """The records of a block."""
    values = [(record.value or b"").hex() for record in block.records]
    offsets = [block.records[0].offset, block.next_offset]
    tell(seen=values, partition=block.tp.partition, offsets=offsets, generation=block.generation)


async def drain(revoked: frozenset[TP]) -> None:
    """What the app does before partitions go."""
    tell(draining=len(revoked))
    if WITH.get("drain") == "for ever":
        await asyncio.sleep(3_600)
    if WITH.get("drain") == "finish":
        for block in held:
            block.durable()


SETTINGS = {"broker_session_timeout": 6.0, "broker_heartbeat_interval": 0.5, "broker_commit_interval": 0.2}
app = faust.App(
    WITH["group"],
    broker=f"blocks://{WITH['bootstrap']}",
    datadir=WITH["datadir"],
    **faust_settings(**(SETTINGS | WITH.get("settings", {}))),
)
options = {
    name: frozenset(value) if isinstance(value, list) else value for name, value in WITH.get("options", {}).items()
}
configure(app, Options(drain=drain, **options))
RAW = {"key_type": bytes, "value_type": bytes, "key_serializer": "raw", "value_serializer": "raw", "acks": False}


def _has(block: Block, word: bytes) -> bool:
    return any(record.value == word for record in block.records)


async def steady(stream: StreamT[Any]) -> None:
    """Everything is durable at once."""
    async for block in stream:
        tell_seen(block)
        block.release()
        block.durable()


async def raising(stream: StreamT[Any]) -> None:
    """Fails at the record `bad`, after the blocks before it were committed."""
    async for block in stream:
        tell_seen(block)
        if _has(block, b"bad"):
            await asyncio.sleep(1)
            raise ValueError("the bad record")
        block.release()
        block.durable()


async def cancelled(stream: StreamT[Any]) -> None:
    """Waits at the record `bad` for something that was cancelled."""
    async for block in stream:
        tell_seen(block)
        if _has(block, b"bad"):
            waited_for = asyncio.get_running_loop().create_future()
            waited_for.cancel()
            await waited_for
        block.release()
        block.durable()


async def stuck(stream: StreamT[Any]) -> None:
    """Never finishes the block with the record `stuck`."""
    async for block in stream:
        tell_seen(block)
        block.release()
        if _has(block, b"stuck"):
            await asyncio.sleep(3_600)
        block.durable()


async def late_first(stream: StreamT[Any]) -> None:
    """Declares every block at once but those with the record `late`, which it holds for the drain or for ever."""
    async for block in stream:
        tell_seen(block)
        block.release()
        if _has(block, b"late"):
            held.append(block)
        else:
            block.durable()


async def slow(stream: StreamT[Any]) -> None:
    """Takes more time for a block than a small fetch does, so that the partition fills up."""
    async for block in stream:
        tell_seen(block)
        reading = app.consumer.readings[block.tp]
        await asyncio.sleep(0.1)
        tell(queued=reading.queued.records)
        block.release()
        block.durable()


async def hold(stream: StreamT[Any]) -> None:
    """Keeps every block of the first generation, and tells of a later one what became of them."""
    async for block in stream:
        if held and block.generation != held[0].generation:
            for old in held:
                old.durable()
                old.release()
            tell(stale=[old.stale for old in held], now=block.stale)
        else:
            held.append(block)
        tell_seen(block)
        block.release()


async def counting(stream: StreamT[Any]) -> None:
    """Tells with each block how many records it has and how many tasks were made up to then, in both threads."""
    made = 0

    def make(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any], **more: Any) -> asyncio.Task[Any]:
        nonlocal made
        made += 1
        return asyncio.Task(coroutine, loop=loop, **more)

    for loop in (asyncio.get_running_loop(), app.consumer._thread.thread_loop):
        loop.set_task_factory(make)
    async for block in stream:
        tell(count=len(block.records), tasks=made)
        block.release()
        block.durable()


async def ingesting(stream: StreamT[Any]) -> None:
    """The product's ingest: a block is durable when all that came of it is acknowledged."""
    names = Names(WITH["group"], f"{TOPIC}-timeline", 1, {TOPIC: CLICK})
    ingest = Ingest(app.producer.send_records, names, CleanRules(), lambda read: read.block.durable())
    async for block in stream:
        ingest.give(block)
        await ingest.flush()
        tell_seen(block)


AGENTS = (steady, raising, cancelled, stuck, late_first, slow, hold, counting, ingesting)
BEHAVIOURS = {agent.__name__: agent for agent in AGENTS}
app.agent(app.topic(TOPIC, **RAW), name=WITH["behaviour"])(BEHAVIOURS[WITH["behaviour"]])


@app.on_rebalance_complete.connect
async def assigned(*_: Any, **__: Any) -> None:
    """Tells the partitions this worker owns now."""
    tell(assigned=sorted(tp.partition for tp in app.consumer.assignment()))
    for at in WITH.get("open", []):
        tell(opened=await app.consumer.open_partition(TP(TOPIC, 0), at, app.consumer.consumer_generation_id))


async def gates() -> None:
    """Opens partition 0 at one offset after another, as the test asks on standard input."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        what = json.loads(line)
        if "open" in what:
            tell(opened=await app.consumer.open_partition(TP(TOPIC, 0), what["open"]))
        elif "close" in what:
            app.consumer.close_partition(TP(TOPIC, 0))
            tell(closed=True)
        elif "ends" in what:
            await tell_ends(what["ends"], what["timeout_s"])
        elif "send" in what:
            await tell_sent(what["send"], what["sizes"])
        elif "positions" in what:
            tp = TP(TOPIC, 0)
            tell(position=app.consumer.position_of(tp), durable=app.consumer.durable_offset_of(tp))
        elif "fail" in what:
            raise RuntimeError("a task of the app failed")


async def tell_ends(topic: str, timeout_s: float) -> None:
    """The end of a topic's partition 0, or that it could not be had in time."""
    try:
        tell(ends=list((await app.consumer.end_offsets_of([TP(topic, 0)], timeout_s)).values()))
    except TimeoutError:
        tell(ends="timeout")


async def tell_sent(topic: str, sizes: list[int]) -> None:
    """Appends records of these sizes, all at once, each in a call of its own."""
    calls = [app.producer.send_records(topic, 0, [(b"%d" % n, b"v" * size, ())], 5) for n, size in enumerate(sizes)]
    futures = [future for call in await asyncio.gather(*calls) for future in call]
    await asyncio.gather(*futures)
    tell(sent=len(futures))


app.task(gates)

if __name__ == "__main__":
    nowhere = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")  # Faust's spinner would draw between the lines
    worker = faust.Worker(app, loglevel="WARNING", quiet=True, redirect_stdouts=False, stdout=nowhere)
    worker.execute_from_commandline()

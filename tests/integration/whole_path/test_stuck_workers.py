"""A worker that cannot go on ends with a stated code within a minute, and its replacement takes over."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from schemas.topics import PROGRESS
from streams.chaos.wires import Network
from streams.embedded.apache_kafka import ApacheKafka
from streams.exit_codes import ExitCode
from streams.follow import ENDS_EVERY, WAIT_MS, Followed, follow
from streams.known_topics import remembered
from tests.integration.whole_path.accounts import settled_accounts
from tests.integration.whole_path.shop_path import ShopPath
from tests.kafka_providers import brokers_of_its_own

pytestmark = [pytest.mark.kafka, brokers_of_its_own]
MINUTE_S = 60.0
BUSY_S = 15.0
"""How much later a busy machine may be."""
SESSION_S = 6.0
STUCK = {ExitCode.UNAVAILABLE, ExitCode.INTERNAL, ExitCode.FENCED, ExitCode.NO_PROGRESS}


@pytest.fixture(scope="module")
def broker() -> Iterator[ApacheKafka]:
    """One broker with two doors: each worker has a wire of its own to it."""
    with ApacheKafka(doors=2) as started:
        yield started


@pytest.fixture
def open_wired(broker, tmp_path):
    """Makes a shop's path without a model, and the network of its workers."""

    @asynccontextmanager
    async def opened(**settings) -> AsyncIterator[tuple[ShopPath, Network]]:
        ours = {"model": "", "triton": "", "session_timeout_s": SESSION_S} | settings
        async with Network(broker.doors) as network, ShopPath(broker.bootstrap, tmp_path, **ours) as path:
            yield path, network

    return opened


async def how_it_ended(worker, what: str) -> int:
    began_s = time.monotonic()
    code = await worker.ends(MINUTE_S + BUSY_S)
    print(f"{what}: ended with {code} after {time.monotonic() - began_s:.1f} s: {worker.said(300).splitlines()[-1]}")
    return code


@pytest.mark.parametrize("stages", [("ingest",), ("decide",)], ids=",".join)
async def test_a_worker_cut_off_from_the_broker_ends_and_another_takes_over(open_wired, short_log, stages):
    async with open_wired() as (path, network), asyncio.TaskGroup() as tasks:
        cut_off = await path.worker(broker=network.bootstrap(0), stages=stages)
        await path.worker(broker=network.bootstrap(1))
        await path.joined(2)
        feeding = tasks.create_task(path.feed(short_log, speed=200))
        await path.reached(short_log[200].at_ms)

        network.wires[0][0].cut()
        code = await how_it_ended(cut_off, f"cut off, {','.join(stages)}")

        assert code in STUCK
        await feeding
        await path.settled()
        await path.checked()
        await settled_accounts(path)


async def test_a_follower_that_is_cut_off_beats_no_more_and_one_with_nothing_to_read_does(open_wired):
    async with open_wired() as (path, network):
        beats, ready = list[float](), asyncio.Event()
        topic = path.settings.topic_prefix + PROGRESS.name
        followed = Followed(topic, lambda key, value: None, lambda: beats.append(time.monotonic()))
        following = asyncio.create_task(follow({"bootstrap_servers": network.bootstrap(0)}, followed, ready))
        async with asyncio.timeout(MINUTE_S):
            await ready.wait()
        await asyncio.sleep(12)
        assert beats[-1] > time.monotonic() - BUSY_S / 2

        network.wires[0][0].cut()
        cut_s = time.monotonic()
        await asyncio.sleep(30)
        following.cancel()

        assert beats[-1] < cut_s + ENDS_EVERY * WAIT_MS / 1_000 + BUSY_S


async def test_a_worker_that_starts_where_the_broker_accepts_and_never_answers_ends(open_wired):
    async with open_wired() as (path, network):
        network.wires[0][0].cut()
        worker = await path.worker(broker=network.bootstrap(0), transactions="auto")

        assert await how_it_ended(worker, "silent broker at the start") == ExitCode.UNAVAILABLE


async def test_a_worker_cut_off_before_it_has_joined_its_group_ends(open_wired):
    async with open_wired() as (path, network):
        worker = await path.worker(broker=network.bootstrap(0))
        while not await remembered(path.settings):  # the last thing that it does before it joins
            assert worker.running
        network.wires[0][0].cut()

        assert await how_it_ended(worker, "cut off before it joined") in STUCK


async def test_a_worker_frozen_for_longer_than_every_watchdog_ends_as_fenced(open_wired, short_log):
    async with open_wired() as (path, network), asyncio.TaskGroup() as tasks:
        zombie = await path.worker(broker=network.bootstrap(0))
        await path.joined(1)
        feeding = tasks.create_task(path.feed(short_log, speed=100))
        await path.reached(short_log[200].at_ms)

        zombie.send_signal(signal.SIGSTOP)
        await path.worker(broker=network.bootstrap(1))
        await asyncio.sleep(MINUTE_S)
        zombie.send_signal(signal.SIGCONT)

        assert await how_it_ended(zombie, "frozen for a minute") == ExitCode.FENCED
        await feeding
        await path.settled()
        await path.checked()

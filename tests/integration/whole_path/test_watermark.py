"""A TICK never overtakes unread input: partitions full of purchases are not read while the others run an hour ahead."""

import asyncio
import signal
import time
from collections.abc import Iterator
from itertools import count
from typing import Any

import msgspec
import pytest

from schemas.interventions import iso
from schemas.kinds import Kind
from schemas.timeline import SLOT_AT
from schemas.topics import CART, CLICK, INTERVENTIONS, PURCHASE, SUPPRESSED, Topic
from streams.feed import Arrival
from streams.table.transactions import partition_of
from tests.integration.whole_path.shop_path import ShopPath
from tests.integration.whole_path.worker_process import WorkerProcess

pytestmark = [pytest.mark.kafka, pytest.mark.triton]
START_MS = 1_790_000_000_000
MINUTE_MS = 60_000
BUYERS, LEAVERS = 60, 20
READ_LIMIT_S = 40.0
STANDS_S = 2.0
POLICY = 'id = "patient"\nversion = "1"\n[cart_nudge]\nmax_late_s = 1000000\n'


async def test_whoever_bought_in_a_partition_that_lags_is_not_nudged(open_path, tmp_path):
    policy = tmp_path / "patient.toml"
    policy.write_text(POLICY)
    async with open_path(model="", policy=str(policy), session_timeout_s=60.0) as path:
        paused, held_back = await two_that_ingest(path)
        await path.feed([clicked(START_MS, 0)], run_on_ms=0)
        await path.reached(START_MS - 5_000)

        paused.send_signal(signal.SIGSTOP)
        await path.feed(sorted(two_hours(held_back)))
        await appended(path, Kind.PRODUCT_ADDED, BUYERS + LEAVERS)
        await asyncio.sleep(STANDS_S)
        stood_at_ms = max((await path.watermarks()).values())
        purchases_by_then = kinds(path).count(Kind.ORDER_COMPLETED)
        paused.send_signal(signal.SIGCONT)
        await path.settled()
        replayed = await path.checked()
        nudged = [record.key for record in await path.read(INTERVENTIONS["cart_nudge"].name)]
        suppressed = await path.read(SUPPRESSED.name)

    assert 0 < len(held_back) < PURCHASE.partitions
    assert purchases_by_then == 0
    assert stood_at_ms <= START_MS < path.told_ms - 120 * MINUTE_MS
    assert sorted(nudged) == sorted(f"leaver-{number}".encode() for number in range(LEAVERS))
    assert not suppressed
    assert sum(shopper.bought for shopper in replayed.shoppers.values()) == BUYERS


async def two_that_ingest(path: ShopPath) -> tuple[WorkerProcess, set[int]]:
    """Start a worker that decides and two that ingest: the second of these, and its partitions of purchases."""
    await path.worker(stages=("decide",))
    await path.worker(stages=("ingest",))
    others = await path.joined(2)
    second = await path.worker(stages=("ingest",))
    joined = await path.joined(3)
    reads = [part for member in joined.keys() - others.keys() for part in joined[member]]
    return second, {partition for topic, partition in reads if topic.endswith(PURCHASE.name)}


def two_hours(held_back: set[int]) -> Iterator[Arrival]:
    """Carts in partitions that are read, their purchases ten minutes later in some that are not, clicks all along."""
    read_on = set(range(PURCHASE.partitions)) - held_back
    for number in range(BUYERS + LEAVERS):
        user = f"leaver-{number}" if number < LEAVERS else f"buyer-{number}"
        at_ms, mug = START_MS + MINUTE_MS + number * 1_000, {"product_id": "mug", "price": 9.5}
        yield event(CART, "Product Added", user, at_ms, read_on, mug | {"currency": "EUR"})
        if number >= LEAVERS:
            order = {"order_id": f"o-{number}", "total": 9.5, "currency": "EUR", "products": [mug]}
            yield event(PURCHASE, "Order Completed", user, at_ms + 10 * MINUTE_MS, held_back, order)
    yield from (clicked(START_MS + minute * MINUTE_MS, minute) for minute in range(1, 121))


def clicked(at_ms: int, number: int) -> Arrival:
    return event(CLICK, "Product Viewed", f"window-shopper-{number}", at_ms, set(range(8)), {"product_id": "mug"})


def event(topic: Topic, name: str, user: str, at_ms: int, partitions: set[int], properties: dict[str, Any]) -> Arrival:
    """One event, with a Kafka key that lands in one of the partitions: who it is about stands in the value."""
    keys = (f"{user}-{number}".encode() for number in count())
    key = next(key for key in keys if partition_of(key, topic.partitions) in partitions)
    said = {"event": name, "messageId": f"{name}-{user}-{at_ms}", "userId": user, "timestamp": iso(at_ms)}
    return Arrival(at_ms, topic.name, key, msgspec.json.encode(said | {"properties": properties}))


async def appended(path: ShopPath, kind: Kind, number: int) -> None:
    """Returns when the timeline has so many events of the kind."""
    deadline = time.monotonic() + READ_LIMIT_S
    while (await path.watermarks()) and (so_far := kinds(path).count(kind)) < number:
        assert time.monotonic() < deadline, f"{so_far} of {number} events of {kind.name} within {READ_LIMIT_S:g} s"
        await asyncio.sleep(0.2)


def kinds(path: ShopPath) -> list[int]:
    """The kinds of all timeline records, as read last."""
    return [record.value[SLOT_AT] for records in path.timeline.values() for record in records]

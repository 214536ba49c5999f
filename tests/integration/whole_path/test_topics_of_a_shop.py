"""Topics that are missing, cut otherwise, deleted under a worker or made anew: a clear line, and nothing is lost."""

import asyncio
import time

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from click.testing import CliRunner

from schemas.topics import CART, CHANGELOG, CLICK, INPUTS, TIMELINE, dead_letters_of
from streams.commands.topics import topics as topics_command
from streams.exit_codes import ExitCode
from streams.settings import rows
from tests.integration.whole_path.accounts import sources
from tests.integration.whole_path.nasty import Nasty
from tests.integration.whole_path.shop_path import ShopPath
from tests.integration.whole_path.test_nasty_input import produce

pytestmark = [pytest.mark.kafka]
ENDS_WITHIN_S = 60.0
STARTS_WITHIN_S = 40.0


@pytest.fixture
def open_rules(kafka, tmp_path):
    """Makes a shop's path without a model: what is told here does not depend on one."""
    return lambda **settings: ShopPath(kafka, tmp_path, **{"model": "", "triton": ""} | settings)


async def ask_broker(path: ShopPath, what: str, *arguments) -> None:
    """One request of an administrator."""
    admin = AIOKafkaAdminClient(bootstrap_servers=path.settings.broker)
    await admin.start()
    try:
        await getattr(admin, what)(*arguments)
    finally:
        await admin.close()


async def deleted(path: ShopPath, name: str) -> None:
    await ask_broker(path, "delete_topics", [path.settings.topic_prefix + name])


async def made(path: ShopPath, topic) -> None:
    """Made anew: a broker that still deletes the old one is asked again."""
    new = NewTopic(path.settings.topic_prefix + topic.name, topic.partitions, 1, topic_configs=topic.config())
    async with asyncio.timeout(30):
        while True:
            await ask_broker(path, "create_topics", [new])
            if await path.exists(topic.name):
                return
            await asyncio.sleep(0.2)


async def test_a_topic_that_is_missing_is_named_at_the_start(open_rules):
    async with open_rules() as path:
        await deleted(path, CHANGELOG.name)
        worker = await path.worker()

        assert await worker.ends(STARTS_WITHIN_S) == ExitCode.BAD_CONFIGURATION
        assert f"expected the topic {path.settings.topic_prefix}{CHANGELOG.name}, it does not exist" in worker.said()
        assert "kairos topics create" in worker.said()


@pytest.mark.parametrize("topic", [TIMELINE, CHANGELOG], ids=lambda topic: topic.name)
async def test_a_topic_that_is_cut_otherwise_is_named_at_the_start(open_rules, topic):
    async with open_rules() as path:
        name = path.settings.topic_prefix + topic.name
        await ask_broker(path, "create_partitions", {name: NewPartitions(6)})
        worker = await path.worker()

        assert await worker.ends(STARTS_WITHIN_S) == ExitCode.BAD_CONFIGURATION
        assert f"expected 4 partitions of {name} (KAIROS_TIMELINE_PARTITIONS), got 6" in worker.said()


@pytest.mark.parametrize("name", [CLICK.name, dead_letters_of(CLICK).name])
async def test_a_topic_deleted_under_a_worker_ends_it_with_its_name(open_rules, short_log, name):
    async with open_rules() as path:
        worker = await path.worker()
        await path.joined(1)
        feeding = asyncio.create_task(path.feed(short_log, speed=100))
        await path.reached(short_log[100].at_ms)

        await deleted(path, name)
        await produce_garbage(path, but=name)
        began_s = time.monotonic()
        code = await worker.ends(ENDS_WITHIN_S)
        print(f"{name} deleted: the worker ended with {code} after {time.monotonic() - began_s:.1f} s")
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
        successor = await path.worker()

        assert code in set(ExitCode) - {ExitCode.OK}
        assert await successor.ends(STARTS_WITHIN_S) == ExitCode.BAD_CONFIGURATION
        assert f"expected the topic {path.settings.topic_prefix}{name}, it does not exist" in successor.said()


async def produce_garbage(path: ShopPath, but: str) -> None:
    """Dead letters for the topics of all inputs that are there."""
    garbage = [Nasty(topic.name, b"ann", b"{", []) for topic in INPUTS if topic.name != but]
    await produce(path, garbage)


async def test_an_input_topic_that_is_made_anew_is_adopted_and_its_events_count(open_rules, short_log):
    half = len(short_log) // 2
    carts = [sum(arrival.topic == CART.name for arrival in part) for part in (short_log[:half], short_log[half:])]
    async with open_rules() as path:
        first = await path.worker()
        await path.feed(short_log[:half], run_on_ms=0)
        await path.settled()
        before = cart_offsets(path)
        assert await first.terminate() == ExitCode.OK
        await deleted(path, CART.name)
        await made(path, CART)
        refused = await path.worker()
        assert await refused.ends(STARTS_WITHIN_S) == ExitCode.BAD_CONFIGURATION
        assert f"{path.settings.topic_prefix}{CART.name} as it was" in refused.said()
        assert "kairos topics adopt" in refused.said()

        environment = {row.variable: row.value for row in rows(path.settings)}
        adopted = await asyncio.to_thread(CliRunner().invoke, topics_command, ["adopt"], env=environment)
        await path.worker()
        await path.feed(short_log[half:])
        await path.settled()
        replayed = await path.checked()

    assert adopted.exit_code == 0, adopted.output
    assert path.settings.topic_prefix + CART.name in adopted.output
    after = cart_offsets(path) - before
    assert len(before) > carts[0] / 2 and len(after) > carts[1] / 2
    assert min(after) > max(before)
    applied = sum(shopper.cart_events for shopper in replayed.shoppers.values())
    print(f"{len(before)} cart events before, {len(after)} after it was made anew, {applied} counted")
    assert applied + sum(shopper.duplicates for shopper in replayed.shoppers.values()) >= len(before) + len(after)


def cart_offsets(path: ShopPath) -> set[tuple[int, int]]:
    """The coordinates of cart events in the timeline, epoch and offset first."""
    found = [source for records in path.timeline.values() for source in sources(records)]
    return {(offset, partition) for topic, partition, offset in found if topic == CART.id}


async def test_what_was_deleted_before_it_was_read_is_passed_and_told(open_rules, short_log):
    half = len(short_log) // 2
    async with open_rules() as path:
        first = await path.worker()
        await path.feed(short_log[:half], run_on_ms=0)
        await path.settled()
        assert await first.terminate() == ExitCode.OK
        await path.feed(short_log[half:])
        committed, ends = await path.progress()
        clicks = {part: end for part, end in ends.items() if part.topic.endswith(CLICK.name) and end > committed[part]}
        await ask_broker(path, "delete_records", {part: RecordsToDelete(end - 1) for part, end in clicks.items()})

        second = await path.worker()
        await path.settled()
        await path.checked()

        assert second.running
        assert second.log.read_text().count("were deleted unread") == sum(
            committed[part] < end - 1 for part, end in clicks.items()
        )
    assert clicks


async def test_adopting_changes_nothing_where_nothing_was_made_anew(open_rules):
    async with open_rules() as path:
        environment = {row.variable: row.value for row in rows(path.settings)}
        done = await asyncio.to_thread(CliRunner().invoke, topics_command, ["adopt"], env=environment)

    assert (done.exit_code, done.stdout) == (0, "")

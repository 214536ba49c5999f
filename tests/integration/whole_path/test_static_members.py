"""Workers with a name of their own are restarted, replaced and killed, and nobody else's partitions move."""

import asyncio

import pytest

from streams.exit_codes import ExitCode
from tests.integration.whole_path.accounts import settled_accounts
from tests.integration.whole_path.group import generation_of
from tests.integration.whole_path.shop_path import ShopPath
from tests.integration.whole_path.takeovers import owns
from tests.integration.whole_path.test_changing_workers import share

pytestmark = [pytest.mark.kafka, pytest.mark.triton]
SPEED = 100
SESSION_S = 45.0
NAMES = ("kairos-0", "kairos-1")
LIMIT_S = 60.0
HEARTBEAT_S = 3.0


async def test_a_rolling_restart_and_a_crash_change_no_generation_and_move_nobody(open_path, short_log):
    async with open_path(session_timeout_s=SESSION_S) as path, asyncio.TaskGroup() as tasks:
        workers = {name: await path.worker(instance_id=name) for name in NAMES}
        await path.joined(len(NAMES))
        feeding = tasks.create_task(path.feed(short_log, SPEED))
        await path.reached(share(short_log, 0.2))
        before, shares = await generation(path), await shares_of(path)

        for name in NAMES:
            assert await workers[name].terminate() == ExitCode.OK
            workers[name] = await path.worker(instance_id=name)
            await owns(workers[name], 2)
        await workers[NAMES[0]].kill()
        await owns(await path.worker(instance_id=NAMES[0]), 2)

        assert await generation(path) == before
        assert await shares_of(path) == shares
        await feeding
        await path.settled()
        await path.checked()
        assert len((await settled_accounts(path)).read) == len(short_log)


async def test_of_two_processes_with_one_name_the_older_ends_as_fenced_and_says_why(open_path, short_log):
    async with open_path(session_timeout_s=SESSION_S) as path, asyncio.TaskGroup() as tasks:
        first = await path.worker(instance_id=NAMES[0])
        await path.joined(1)
        feeding = tasks.create_task(path.feed(short_log, SPEED))
        await path.reached(share(short_log, 0.2))
        before = await generation(path)

        second = await path.worker(instance_id=NAMES[0])

        assert await first.ends(LIMIT_S) == ExitCode.FENCED
        (line,) = [line for line in first.said().splitlines() if line.startswith("kairos: stopped")]
        assert "fenced" in line
        await owns(second, 4)
        assert await generation(path) == before
        await feeding
        await path.settled()
        assert second.running
        await path.checked()


async def test_one_that_writes_no_transactions_is_told_by_the_group_and_does_not_throw_the_other_out(open_path):
    async with open_path(session_timeout_s=SESSION_S, stages=("ingest",)) as path:
        first = await path.worker(instance_id=NAMES[0])
        await path.joined(1)

        second = await path.worker(instance_id=NAMES[0])

        assert await first.ends(LIMIT_S) == ExitCode.FENCED
        assert "another process with the same KAIROS_INSTANCE_ID has taken its place" in first.said()
        await path.joined(1)
        await asyncio.sleep(2 * HEARTBEAT_S)
        assert second.running


async def generation(path: ShopPath) -> int:
    return await generation_of(path.settings.broker, path.settings.app_id)


async def shares_of(path: ShopPath) -> set[frozenset[tuple[str, int]]]:
    """What the members read, whoever they are: a member that is back has another id."""
    return {frozenset(parts) for parts in (await path.joined(len(NAMES))).values()}

"""Workers die, join, leave and freeze in the middle: nothing is lost, nothing comes twice, the state is the same."""

import asyncio
import signal

import pytest

from schemas.shopper import META_KEY, decode_meta, decode_shopper
from streams.exit_codes import ExitCode
from streams.feed import Arrival
from streams.replay.crash_free import Recorded
from tests.integration.whole_path.accounts import repeats, settled_accounts
from tests.integration.whole_path.shop_path import ShopPath

pytestmark = [pytest.mark.kafka, pytest.mark.triton]
SPEED = 500
SESSION_S = 6.0
COMMIT_S = 3.0
EAGER = """
id = "eager"
version = "1"
[caps]
per_shopper = 1000
[cart_at_risk] # every open cart: only what is sent is emitted before the commit
min_abandon_30m = 0.0
"""


async def same_as_without(path: ShopPath, log: list[Arrival]) -> None:
    """The checks of every story here. Raises `AssertionError`."""
    await path.settled()
    replayed = await path.checked()
    accounts = await settled_accounts(path)
    assert len(accounts.read) == len(log)
    assert sum(shopper.duplicates for shopper in replayed.shoppers.values()) == repeats(log)
    assert sum(shopper.abandoned for shopper in replayed.shoppers.values()) > 20
    assert any(told.topic == "shop.interventions.cart_nudge.v1" for told in replayed.told)


async def test_a_worker_is_killed_in_the_middle_and_its_successor_goes_on(open_path, short_log, tmp_path):
    policy = tmp_path / "eager.toml"
    policy.write_text(EAGER)
    async with open_path(commit_every_s=COMMIT_S, policy=str(policy)) as path, asyncio.TaskGroup() as tasks:
        first = await path.worker()
        await path.joined(1)
        feeding = tasks.create_task(path.feed(short_log, SPEED))
        await path.reached(share(short_log, 0.5))

        await first.kill()
        assert ahead_of_the_commit(await path.recorded()) > 0
        await path.worker()

        await feeding
        await same_as_without(path, short_log)


async def test_a_second_worker_joins_and_the_first_leaves_with_exit_code_0(open_path, short_log):
    async with open_path() as path, asyncio.TaskGroup() as tasks:
        first = await path.worker()
        await path.joined(1)
        feeding = tasks.create_task(path.feed(short_log, SPEED))
        await path.reached(share(short_log, 0.2))

        await path.worker()
        await path.reached(share(short_log, 0.6))
        code = await first.terminate()

        assert code == ExitCode.OK
        await feeding
        await same_as_without(path, short_log)


async def test_a_busy_worker_ends_within_ten_seconds_of_sigterm_and_leaves_what_is_whole(open_path, short_log):
    async with open_path() as path:
        worker = await path.worker()
        await path.joined(1)
        feeding = asyncio.create_task(path.feed(short_log, SPEED))
        await path.reached(share(short_log, 0.5))

        code = await worker.terminate()

        assert not feeding.done()
        feeding.cancel()
        assert code == ExitCode.OK
        await path.checked()


async def test_a_worker_that_was_frozen_past_its_session_ends_as_fenced_and_changes_nothing(open_path, short_log):
    async with open_path(session_timeout_s=SESSION_S) as path, asyncio.TaskGroup() as tasks:
        zombie = await path.worker()
        await path.joined(1)
        feeding = tasks.create_task(path.feed(short_log, SPEED))
        await path.reached(share(short_log, 0.2))

        zombie.send_signal(signal.SIGSTOP)
        await path.worker()
        await path.reached(share(short_log, 0.6))
        zombie.send_signal(signal.SIGCONT)

        assert await zombie.ends(limit_s=20) == ExitCode.FENCED
        await feeding
        await same_as_without(path, short_log)


def ahead_of_the_commit(recorded: Recorded) -> int:
    """How many shoppers were emitted and not committed: those that only their own fence protects after a crash."""
    found = 0
    for state in recorded.changelog.values():
        committed = decode_meta(state[META_KEY]).offset if META_KEY in state else 0
        found += sum(decode_shopper(value).fence >= committed for key, value in state.items() if key != META_KEY)
    return found


def share(log: list[Arrival], part: float) -> int:
    """Log time at which this part of the log has arrived."""
    return log[int(len(log) * part)].at_ms

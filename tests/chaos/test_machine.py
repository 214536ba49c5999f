"""A place keeps a worker alive, as a supervisor would: `kairos worker` itself, started on settings that end it."""

import asyncio
import signal
from pathlib import Path

import msgspec
import pytest

from streams.chaos.machine import Place
from streams.embedded.ports import free_ports
from streams.exit_codes import ExitCode
from streams.settings import Settings

WITHIN_S = 120


@pytest.fixture
def hopeless(tmp_path: Path) -> Settings:
    """Settings whose policy file does not exist: a worker ends with 64 at once."""
    address = f"127.0.0.1:{free_ports(1)[0]}"
    return Settings(broker=address, transactions="on", metrics_port=0, model="", policy=str(tmp_path / "none.toml"))


@pytest.fixture
def waiting(hopeless: Settings, tmp_path: Path) -> Settings:
    """Settings with which a worker waits for a broker that is not there, for half a minute."""
    policy = tmp_path / "policy.toml"
    policy.write_text('id = "some"\nversion = "1"\n')
    return msgspec.structs.replace(hopeless, policy=str(policy))


async def ended(place: Place, times: int) -> list[int]:
    """The exit codes, once so many workers have ended."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            if len(place.ended) >= times:
                return [one.code for one in place.ended]
            await asyncio.sleep(0.05)


async def can_hear(place: Place) -> None:
    async with asyncio.timeout(WITHIN_S):
        while True:
            if place.hears(signal.SIGTERM):
                return
            await asyncio.sleep(0.001)


async def test_a_worker_that_ends_is_started_again_and_its_exit_code_kept(hopeless: Settings, tmp_path: Path) -> None:
    place = Place(hopeless, tmp_path / "place")

    place.start()
    codes = await ended(place, 2)
    await place.abandon()

    assert codes == [ExitCode.BAD_CONFIGURATION, ExitCode.BAD_CONFIGURATION]
    assert "expected a policy at" in (tmp_path / "place" / "worker.log").read_text()


async def test_a_killed_worker_has_a_successor_and_with_an_empty_disk_where_that_was_wanted(
    waiting: Settings, tmp_path: Path
) -> None:
    place = Place(waiting, tmp_path / "place")
    place.start()
    kept = tmp_path / "place" / "data" / "kept"
    kept.parent.mkdir()
    kept.touch()
    await place.replaced(WITHIN_S)

    await place.kill()
    await place.replaced(WITHIN_S)
    after_a_kill = kept.exists()
    await place.kill(wipe=True)
    codes = await ended(place, 2)
    await place.abandon()

    assert after_a_kill
    assert not kept.exists()
    assert codes == [137, 137]


async def test_a_closed_place_has_no_successor(waiting: Settings, tmp_path: Path) -> None:
    place = Place(waiting, tmp_path / "place")
    place.start()
    await place.replaced(WITHIN_S)

    code = await place.close()
    before = len(place.ended)
    await asyncio.sleep(1.5)

    assert code is not None
    assert len(place.ended) == before == 1


async def test_a_worker_stops_with_0_from_the_moment_it_can_hear_sigterm_and_before_that_it_is_told_apart(
    waiting: Settings, tmp_path: Path
) -> None:
    place = Place(waiting, tmp_path / "place")
    place.start()

    await place.replaced(WITHIN_S)
    place.send_signal(signal.SIGTERM)  # Python is not there yet
    await ended(place, 1)
    await place.replaced(WITHIN_S)
    await can_hear(place)
    place.send_signal(signal.SIGTERM)
    await ended(place, 2)
    await place.abandon()

    first, second = place.ended[:2]
    assert first.newborn
    assert first.code in (143, ExitCode.OK)  # it may have come to hear it in between
    assert (second.code, second.newborn) == (ExitCode.OK, False)

"""A live run and a replay of its timeline, straight from the topic: the same bytes, and what is not is told."""

import asyncio
import os
import sys
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaProducer

from schemas.topics import DECISIONS, INTERVENTIONS, TIMELINE
from tests.integration.whole_path.shop_path import ShopPath
from tests.integration.whole_path.worker_process import ROOT

pytestmark = [pytest.mark.kafka, pytest.mark.triton]
SPEED = 1_200
LIMIT_S = 120


async def test_a_replay_of_the_topic_is_the_live_run_and_a_changed_byte_is_told(open_path, shop_log, tmp_path):
    async with open_path() as path:
        await path.worker()
        await path.feed(shop_log, SPEED)
        await path.settled()
        recorded = await path.recorded()
        for worker in path.workers:
            await worker.kill()  # what is written from here on was not decided by anybody

        same = await replay(path, "--verify")
        again = await replay(path, "--scores", "recorded", "--out", str(tmp_path / "again"), "--keep-timeline")
        of_files = await replay(path, "--verify", log=str(tmp_path / "again"))
        some = await replay(path, "--scores", "rules", "--from", "20", "--to", "2100-01-01T00:00:00Z")
        forged = await forge(path, recorded.told)
        other = await replay(path, "--verify", code=1)

    assert same["differences"] == of_files["differences"] == []
    assert same["told"] == of_files["told"] == len(recorded.told) > 100
    assert again["undecided"] == 0
    assert again["scores"] == sum(told.topic == DECISIONS.name for told in recorded.told)
    assert files_of(tmp_path / "again") == sorted(told.value for told in recorded.told)
    assert again["input"]["timeline"] > some["input"]["timeline"] > 0
    assert other["causes"] == {"duplicates": 1, "unexpected": 1, "wrong_bytes": 1}
    assert {found["shopper"] for found in other["differences"]} == {key.decode() for key in forged}


async def replay(path: ShopPath, *options: str, log: str = "", code: int = 0) -> Any:
    """What `kairos replay` prints, run as a user does, with the settings of the shop's workers."""
    settings = path.settings
    log = log or f"kafka://{settings.broker}/{settings.topic_prefix}{TIMELINE.name}"
    environment = os.environ | {"KAIROS_MODEL": settings.model, "KAIROS_POLICY": settings.policy}
    program = (sys.executable, "-c", "from streams.cli import main; main()", "replay", log, "--json", *options)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*program, env=environment, cwd=ROOT, stdout=pipe, stderr=pipe)
    async with asyncio.timeout(LIMIT_S):
        told, said = await process.communicate()
    assert process.returncode == code, said.decode()
    return msgspec.json.decode(told)


async def forge(path: ShopPath, told: list[Any]) -> list[bytes]:
    """Send an intervention again with one byte changed, and one that nobody decided: the keys of both."""
    first = next(one for one in told if one.topic == INTERVENTIONS["cart_nudge"].name)
    topic = path.settings.topic_prefix + first.topic
    changed = first.value.replace(b'"version":1', b'"version":2', 1)
    unknown = [(name, b"0" + value[1:] if name == "ce_id" else value) for name, value in first.headers]
    producer = AIOKafkaProducer(bootstrap_servers=path.settings.broker, enable_idempotence=True)
    await producer.start()
    try:
        await producer.send_and_wait(topic, changed, key=first.key, headers=list(first.headers))
        await producer.send_and_wait(topic, first.value, key=first.key, headers=unknown)
    finally:
        await producer.stop()
    return [first.key]


def files_of(folder: Any) -> list[bytes]:
    """The records that a replay wrote, the timeline apart, as they would stand on topics."""
    found = []
    for file in folder.glob("shop.*/*.jsonl"):
        if file.parent.name != TIMELINE.name:
            lines = (msgspec.json.decode(line, type=dict[str, msgspec.Raw]) for line in file.open("rb"))
            found += [bytes(line["record"]) for line in lines]
    return sorted(found)

"""The demo as a newcomer starts it, on real parts: what it prints adds up, and nothing stays behind."""

import asyncio
import csv
import gzip
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer
from jsonschema import Draft202012Validator

from inference.repository import write_model
from schemas.topics import INTERVENTIONS
from tests.integration.conftest import Build

ROOT = Path(__file__).parents[2]
REES46 = ROOT / "../shared/data/rees46/2019-Oct-first17k.csv.gz"
MODEL = ROOT / "deploy/models/abandon_lstm"
IDLE_S = 30 * 60
LIMIT_S = 240
COMMAND = (sys.executable, "-c", "from streams.cli import main; main()", "demo", "--json")


class Done(NamedTuple):
    """A demo that has ended: the JSON object it printed, and what it told on stderr."""

    summary: dict[str, Any]
    told: str


class Expected(NamedTuple):
    """What became of the carts of a recorded log."""

    episodes: int
    abandoned: int
    bought: int


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory, onnx_model: Build) -> Path:
    """The models that the project ships; where there are none yet, one of a known answer under their name."""
    if MODEL.exists():
        return MODEL.parent
    repository = tmp_path_factory.mktemp("demo-models")
    write_model(repository, "abandon_lstm", 1, onnx_model(scale=40.0))
    return repository


def run_demo(models: Path, *arguments: str) -> Done:
    """Run the command to its end. Fails where it fails, and where a process that it started is left."""
    mark = f"KAIROS_TEST_MARK_{os.getpid()}"
    environment = os.environ | {"KAIROS_MODELS_DIR": str(models), mark: "1"}
    done = subprocess.run(
        [*COMMAND, *arguments], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    assert done.returncode == 0, done.stderr
    assert left_behind(mark) == []
    return Done(msgspec.json.decode(done.stdout), done.stderr)


def left_behind(mark: str) -> list[str]:
    """The command lines of processes whose environment has the mark: nobody else passes it on."""
    return [
        (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        for folder in Path("/proc").glob("[0-9]*")
        if mark.encode() in environment_of(folder)
    ]


def environment_of(folder: Path) -> bytes:
    try:
        return (folder / "environ").read_bytes()
    except OSError:  # it has just ended, or is not ours
        return b""


def rescanned() -> Expected:
    """The carts of the recorded log, one shopper at a time: a naive reading of the file, with nothing of ours."""
    episodes = abandoned = bought = 0
    for rows in shopper_rows().values():
        active_s: float | None = None
        for at_s, kind in rows:
            if active_s is not None and at_s >= active_s + IDLE_S:
                abandoned, active_s = abandoned + 1, None
            if kind == "cart":
                episodes, active_s = episodes + (active_s is None), at_s
            elif kind == "purchase" and active_s is not None:
                bought, active_s = bought + 1, None
        abandoned += active_s is not None
    return Expected(episodes, abandoned, bought)


def shopper_rows() -> dict[str, list[tuple[float, str]]]:
    found: dict[str, list[tuple[float, str]]] = {}
    for row in complete_rows():
        clock = row["event_time"].removesuffix(" UTC").split(" ")[1].split(":")
        at_s = sum(int(part) * unit for part, unit in zip(clock, (3_600, 60, 1), strict=True))
        if row["event_type"] != "view":
            found.setdefault(row["user_id"], []).append((at_s, row["event_type"]))
    return found


def complete_rows() -> Iterator[dict[str, str]]:
    with gzip.open(REES46, "rt", newline="") as file:
        for row in csv.DictReader(file):
            if None not in row.values():
                yield row


async def interventions(broker: str, prefix: str) -> list[Any]:
    """All that is on the intervention topics."""
    names = [prefix + topic.name for topic in INTERVENTIONS.values()]
    consumer = AIOKafkaConsumer(
        *names, bootstrap_servers=broker, isolation_level="read_committed", auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        found: list[Any] = []
        while more := await consumer.getmany(timeout_ms=3_000):
            found += [record for records in more.values() for record in records]
        return found
    finally:
        await consumer.stop()


def schema_of(record: Any) -> Draft202012Validator:
    retracted = b".retracted." in dict(record.headers)["ce_type"]
    name = "retraction" if retracted else "intervention"
    return Draft202012Validator(msgspec.json.decode((ROOT / f"schemas/json/{name}.json").read_bytes()))


@pytest.mark.kafka
@pytest.mark.triton
@pytest.mark.skipif(not REES46.exists(), reason=f"needs the recorded log {REES46}, which is not part of the project")
def test_a_recorded_log_on_a_real_kafka_gives_what_a_naive_rescan_finds(models: Path, tmp_path: Path) -> None:
    carts, kinds = rescanned(), Counter(row["event_type"] for row in complete_rows())

    arguments = ["--apache-kafka", "--events", str(REES46), "--format", "rees46", "--speed", "3600"]
    summary = run_demo(models, *arguments).summary

    assert (kinds["cart"], kinds["purchase"]) == (165, 214)
    assert summary["input"] == {"read": 17_435, "timeline": 17_434, "dead_letters": 1, "duplicates": 0}
    assert summary["carts"] == {
        "events": 165,
        "episodes": carts.episodes,
        "abandoned": carts.abandoned,
        "bought": carts.bought,
        "emptied": 0,
        "merged": 0,
    }
    assert summary["purchases"] == 214
    assert summary["interventions"]["cart_nudge"] > 0
    assert summary["modes"]["model"] > 0
    assert summary["first_intervention_s"] < 60


@pytest.mark.kafka
@pytest.mark.triton
@pytest.mark.skipif(not REES46.exists(), reason=f"needs the recorded log {REES46}, which is not part of the project")
async def test_on_a_broker_that_runs_the_topics_stay_and_every_intervention_is_valid(models: Path, kafka: str) -> None:
    done = await asyncio.to_thread(run_demo, models, "--broker", kafka, "--events", str(REES46), "--speed", "3600")

    prefix = done.told.partition("names begin with ")[2].partition("\n")[0]
    found = await interventions(kafka, prefix)
    sent = sum(done.summary["interventions"].values())
    assert len(found) == sent + done.summary["retractions"] > 0
    for record in found:
        assert list(schema_of(record).iter_errors(msgspec.json.decode(record.value))) == []


@pytest.mark.triton
@pytest.mark.skipif(sys.platform != "linux", reason="the embedded broker and Triton exist for Linux only")
def test_the_embedded_demo_prints_one_json_object_that_adds_up_and_leaves_nothing(models: Path) -> None:
    done = run_demo(models, "--duration", "12", "--shoppers", "300")

    summary, carts = done.summary, done.summary["carts"]
    assert summary["input"]["read"] == summary["input"]["timeline"] + summary["input"]["dead_letters"] > 1_000
    assert carts["episodes"] == carts["abandoned"] + carts["bought"] + carts["emptied"] + carts["merged"] > 50
    assert summary["interventions"]["cart_nudge"] > 0
    assert summary["scores"] == sum(summary["modes"].values()) > summary["modes"]["rules"]
    assert 0 < summary["first_intervention_s"] < 60
    assert 0 < summary["latency_ms"]["p50"] <= summary["latency_ms"]["p99"] <= summary["latency_ms"]["max"]
    assert "feeding" in done.told

"""What a worker tells Prometheus."""

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from inference.answers import Answer, Scores
from inference.client.failure import NoAnswerError
from inference.client.ladder import Ladder
from inference.inputs import Request
from schemas.decisions import Model
from streams.app import build
from streams.core.step import Record
from streams.counts import BOUNDS_S, Counts, Durations
from streams.exit_codes import ExitCode
from streams.owner import Owner, Pace
from streams.settings import Settings
from streams.telemetry import Telemetry, serve
from streams.worker import Worker
from tests.streams.builders import Log
from tests.streams.decided import answer, at_risk, partition

ROOT = Path(__file__).parents[2]


class Sure:
    """A model with one answer."""

    async def score(self, requests: Sequence[Request]) -> Answer:
        return Answer("model", Model(name="m", version="1"), [Scores(0.5, 0.9, ())] * len(requests))


class Silent:
    """A model that never answers."""

    async def score(self, requests: Sequence[Request]) -> Answer:
        raise NoAnswerError("unavailable", "nobody there")


class Writer:
    """Writes nothing, and is done at once."""

    async def write(self, changelog: Sequence[Any], outputs: Sequence[Any], offset: int | None) -> None:
        self.offset = offset


class Block:
    """Records in hand."""

    stale = False

    def __init__(self, records: Sequence[Record]) -> None:
        self.records = records

    def release(self) -> None:
        self.records = list(self.records)


@pytest.fixture
async def worker(tmp_path: Path) -> Worker:
    """A worker that was never started, with a model that is sure."""
    settings = Settings(policy=str(ROOT / "deploy/policy.toml"), data_dir=str(tmp_path), clock="topic")
    return build(settings, Ladder([Sure()]))


def metrics(worker: Worker) -> dict[str, float]:
    """Every sample of a scrape, by its name and labels as they stand on the page."""
    registry = CollectorRegistry()
    registry.register(Telemetry(worker))
    families = text_string_to_metric_families(generate_latest(registry).decode())
    return {
        sample.name + "".join(f" {name}={value}" for name, value in sorted(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


async def decide(worker: Worker, log: Log) -> None:
    """Let the worker own a partition and decide on a log, with transactions that are due at once."""
    owner = Owner(partition(), Writer(), Pace(0.0, 0.0, 0.0), "", worker.decide.counts)  # type: ignore[arg-type]
    worker.decide.owners[0] = owner
    for record in log.records:
        worker.decide.give(0, Block([record]))
        await worker.decide.round()
    await owner.drain()


async def test_a_worker_that_was_not_started_can_be_scraped(worker: Worker) -> None:
    found = metrics(worker)

    assert found["kairos_input_records_total"] == 0
    assert found["kairos_partitions_owned"] == 0
    assert found["kairos_interventions_total kind=cart_nudge"] == 0
    assert found["kairos_breaker_state rung=0 state=closed"] == 1
    assert "kairos_watermark_delay_seconds" not in found


async def test_what_was_decided_is_counted(worker: Worker) -> None:
    await decide(worker, Log().cart(101).tick(102).cart(110).tick(111).cart(120).tick(4_000).cart(5_000).tick(5_001))

    found = metrics(worker)

    assert found["kairos_timeline_records_total"] == 8
    assert found["kairos_scores_total mode=model"] == 5
    assert found["kairos_interventions_total kind=cart_at_risk"] == 1
    assert found["kairos_suppressed_total reason=duplicate"] == 1
    assert found["kairos_round_duration_seconds_count"] == 8
    assert found["kairos_transaction_duration_seconds_count kind=commit"] >= 1
    assert found["kairos_shoppers"] == 1
    assert found["kairos_partitions_owned"] == 1


async def test_the_watermark_and_its_delay_are_log_time(worker: Worker) -> None:
    await decide(worker, Log().cart(1).tick(60))
    worker.clock.heard(None, b'{"at_ms":90500}')  # type: ignore[attr-defined]  # a topic clock
    worker.inputs.parts = {("shop.events.cart.v1", 3)}
    worker.ticker.heard(b"shop.events.cart.v1/3", b'{"at_ms":65000,"offset":1}')

    found = metrics_without_lag(worker)

    assert found["kairos_watermark_timestamp_seconds"] == 60
    assert found["kairos_watermark_delay_seconds"] == 30.5
    assert found["kairos_watermark_holder partition=3 topic=shop.events.cart.v1"] == 1


def metrics_without_lag(worker: Worker) -> dict[str, float]:
    """As `metrics`; the consumer has nothing assigned, so no topic has a lag."""
    found = metrics(worker)
    assert not any(name.startswith("kairos_lag_records") for name in found)
    return found


async def test_a_model_that_fails_shows_in_its_breaker(tmp_path: Path) -> None:
    settings = Settings(policy=str(ROOT / "deploy/policy.toml"), data_dir=str(tmp_path))
    ladder = Ladder([Silent()])
    for _ in range(3):
        await ladder.score([Request(b"", 0, (0.0,) * 19)])

    found = metrics(build(settings, ladder))

    assert found["kairos_breaker_state rung=0 state=open"] == 1
    assert found["kairos_model_failures_total failure=unavailable rung=0"] == 3


def test_durations_fall_into_the_bucket_of_the_first_bound_that_they_do_not_exceed() -> None:
    durations = Durations()
    for seconds in (0.0005, BOUNDS_S[0], 0.0011, 99.0):
        durations.add(seconds)

    assert durations.counts == [2, 1, *[0] * (len(BOUNDS_S) - 2), 1]
    assert durations.total_s == pytest.approx(99.0026)


def test_a_retraction_is_no_intervention() -> None:
    log = Log().cart(1).tick(2).cart(10).tick(11).buy(20).tick(30)
    part, counts = partition(), Counts()
    answer(part, part.step(log.records), at_risk(0.9))
    counts.written(part.commit(), 0.01)

    assert counts.interventions == {"cart_at_risk": 1}
    assert counts.retractions == {"cart_at_risk": 1}


async def test_a_taken_metrics_port_is_told_in_one_line(worker: Worker) -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(ValueError, match=f"^expected port {port} to be free for metrics.*KAIROS_METRICS_PORT"):
            serve(worker, port)


def test_a_worker_whose_metrics_port_is_taken_ends_with_the_code_of_a_wrong_configuration(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        environment = os.environ | {
            "KAIROS_METRICS_PORT": str(taken.getsockname()[1]),
            "KAIROS_MODEL": "",
            "KAIROS_TRANSACTIONS": "off",
        }

        done = subprocess.run(
            [sys.executable, "-c", "from streams.cli import main; main()", "worker"],
            env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    assert done.returncode == ExitCode.BAD_CONFIGURATION
    assert "to be free for metrics" in done.stderr

"""What a demo's subscriber measures, what is read of the worker's metrics, and what is shown."""

import asyncio
import io
import time
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from rich.console import Console

from schemas.interventions import encode, iso
from schemas.topics import CART
from streams.commands.demo import demo
from streams.demo.company import accompanied
from streams.demo.live import Status, picture
from streams.demo.percentiles import Latency
from streams.demo.plan import Plan, demo_settings
from streams.demo.scrape import Seen, parsed
from streams.demo.witness import Witness
from streams.feed import Arrival
from streams.feeder import Feeder
from streams.settings import Settings
from tests.schemas.samples import INTERVENTION, RETRACTION

START_MS = 1_790_000_000_000
IDLE_MS = 1_800_000
SEEN = Seen(4, 5_000, 900, 0, 12, START_MS, 60.0, "shop.events.cart.v1/3")


def witness(*, event_sent_s: float, deadline_told_s: float | None = None) -> Witness:
    """One that fed an event, `m-1`, so long ago, and perhaps told the log time that makes its timer due."""
    feeder, now_s = Feeder(Settings(), speed=600), time.time()
    found = Witness(feeder, lateness_ms=5_000)
    list(found.noting(iter([Arrival(START_MS, CART.name, b"u-1", b'{"messageId": "m-1"}')])))
    feeder.sent.add(START_MS, now_s - event_sent_s)
    if deadline_told_s is not None:
        feeder.clocks.add(START_MS + IDLE_MS + 5_000, now_s - deadline_told_s)
    return found


def issued(kind: str) -> bytes:
    return encode(msgspec.structs.replace(INTERVENTION, name=kind, not_before=iso(START_MS + IDLE_MS)))


def test_a_predicted_intervention_is_timed_from_when_its_event_was_sent() -> None:
    found = witness(event_sent_s=2.0)

    found.heard(None, issued("cart_at_risk"))

    assert found.latencies_ms == [pytest.approx(2_000, abs=500)]
    assert found.first_s == pytest.approx(time.time(), abs=1)


def test_a_timer_is_timed_from_the_log_time_that_makes_it_due() -> None:
    found = witness(event_sent_s=100.0, deadline_told_s=3.0)

    found.heard(None, issued("cart_nudge"))

    assert found.latencies_ms == [pytest.approx(3_000, abs=500)]


def test_a_timer_of_an_event_that_came_after_its_deadline_is_timed_from_the_event() -> None:
    found = witness(event_sent_s=1.0, deadline_told_s=50.0)

    found.heard(None, issued("cart_nudge"))

    assert found.latencies_ms == [pytest.approx(1_000, abs=500)]


def test_a_retraction_is_shown_and_not_timed() -> None:
    found = witness(event_sent_s=1.0)

    found.heard(None, encode(RETRACTION))

    assert (found.retracted, found.latencies_ms, found.first_s) == (1, [], None)
    assert "taken back" in found.latest[0]


def test_malformed_records_pass_the_witness_as_they_are() -> None:
    odd = [Arrival(START_MS, CART.name, None, value) for value in (b"\xff\xfe", b"[]", b'{"messageId": 7}')]

    assert list(Witness(Feeder(Settings(), speed=1), 0).noting(iter(odd))) == odd


def test_a_page_of_metrics_is_added_up_over_labels() -> None:
    page = """
kairos_partitions_owned 4.0
kairos_input_records_total 5000.0
kairos_scores_total{mode="model"} 890.0
kairos_scores_total{mode="rules"} 10.0
kairos_lag_records{topic="shop.events.cart.v1"} 5.0
kairos_lag_records{topic="shop.timeline.v1"} 7.0
kairos_watermark_timestamp_seconds 1.790000000123e+09
kairos_watermark_delay_seconds 60.0
kairos_watermark_holder{topic="shop.events.cart.v1",partition="3"} 1.0
"""

    assert parsed(page) == SEEN._replace(ruled=10, watermark_ms=START_MS + 123)


def test_a_page_of_a_worker_that_has_just_started_knows_no_times() -> None:
    assert parsed("kairos_partitions_owned 0.0\n") == Seen(0, 0, 0, 0, 0, -1, -1.0, "")


def test_the_view_shows_every_number_and_the_latest_interventions() -> None:
    status = Status(
        SEEN, 512.0, 33.0, Latency(p50=120.0, p99=700.0, max=710.0), {"cart_nudge": 7}, 2, ["cart_nudge  u-1  mug"],
        START_MS, 600.0, 0.5,
    )  # fmt: skip
    console = Console(file=io.StringIO(), width=120)

    console.print(picture("feeding", status))

    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    for text in ("512", "12 records", "60 s of log time (100 ms)", "33", "120 / 700 ms", "cart_nudge 7", "u-1  mug"):
        assert text in shown


async def test_a_companion_that_fails_ends_the_work() -> None:
    async def work() -> None:
        await asyncio.sleep(30)

    async def broken() -> None:
        raise ConnectionError("the worker is gone")

    with pytest.raises(ConnectionError, match="the worker is gone"):
        await accompanied(work(), broken())


def test_a_demo_on_a_broker_that_runs_has_names_of_its_own() -> None:
    plan = Plan("127.0.0.1:9092", False, None, 1, 10, 600.0, 60.0)

    first, second = demo_settings(plan, Settings()), demo_settings(plan, Settings())

    assert first.topic_prefix == f"{first.app_id}."
    assert first.app_id != second.app_id
    assert demo_settings(plan._replace(broker=None), Settings()).topic_prefix == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--duration", "2"], "--duration x --speed must be more than 1,815 s of log time"),
        (["--broker", "127.0.0.1:1", "--apache-kafka"], "give one of them"),
        (["--events", "nowhere.csv"], "cannot read nowhere.csv: No such file or directory"),
        (["--events", __file__], "its first line is of no known format"),
        (["--events", __file__, "--format", "rees46"], "its first line is not the header event_time"),
    ],
)
def test_a_demo_that_cannot_be_says_so_before_anything_starts(arguments: list[str], said: str) -> None:
    result = CliRunner().invoke(demo, arguments)

    assert result.exit_code in (1, 2)
    assert said in result.output
    assert "starting" not in result.output


def test_a_missing_model_is_told_with_its_fix(tmp_path: Path) -> None:
    result = CliRunner().invoke(demo, ["--json"], env={"KAIROS_MODELS_DIR": str(tmp_path)})

    assert result.exit_code == 1
    assert f"model missing: expected {tmp_path}/abandon_lstm/<version>/model.onnx" in result.output

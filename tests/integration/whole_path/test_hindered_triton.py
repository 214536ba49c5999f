"""Triton is slow, silent, broken, wrong or late: decisions go on within their deadline, marked, and nobody waits."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from inference.repository import write_model
from schemas.decisions import decode_decision
from schemas.topics import DECISIONS
from streams.embedded.ports import free_ports
from streams.embedded.triton import free_port, start_triton
from streams.exit_codes import ExitCode
from streams.feed import Arrival
from streams.simulate import simulate
from tests.integration.whole_path.conftest import HOUR_MS
from tests.integration.whole_path.hindered import Hindered
from tests.integration.whole_path.shop_path import ShopPath

pytestmark = [pytest.mark.kafka, pytest.mark.triton]
DEADLINE_MS = 500
LONGEST_ROUND_S = 5.0
"""Of a round with one call, on a machine that others keep busy: a slow Triton would make it ten seconds."""
BACK_WITHIN_S = 10.0
SPEED = 300
WRONG = {"NaN": {"scale": float("nan")}, "too few actions": {"actions": 5}}


class Seen:
    """The metrics of one worker, as it tells them."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def scores(self) -> Counter[str]:
        """Score requests answered, by mode."""
        found = await self._samples("kairos_scores_total")
        return Counter({labels["mode"]: int(value) for labels, value in found})

    async def longest_round_s(self) -> float:
        """The bound that every round kept."""
        found = await self._samples("kairos_round_duration_seconds_bucket")
        most = max(value for _, value in found)
        return min(float(labels["le"]) for labels, value in found if value == most)

    async def until(self, mode: str, more: int = 20, limit_s: float = 60.0) -> float:
        """Returns when so many more requests were answered in this mode: the seconds until the first of them."""
        began_s, before, first_s = time.monotonic(), (await self.scores())[mode], 0.0
        while (now := (await self.scores())[mode]) < before + more:
            if now > before and not first_s:
                first_s = time.monotonic() - began_s
            assert time.monotonic() - began_s < limit_s, f"{now - before} of {more} answers of {mode} in {limit_s:g} s"
            await asyncio.sleep(0.05)
        return first_s or time.monotonic() - began_s

    async def _samples(self, name: str) -> list[tuple[dict[str, str], float]]:
        try:
            families = text_string_to_metric_families(await asyncio.to_thread(self._page))
        except OSError:
            return []  # it has only just started
        return [(dict(s.labels), s.value) for family in families for s in family.samples if s.name == name]

    def _page(self) -> str:
        with urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as page:
            return page.read().decode()


@pytest.fixture(scope="module")
def long_log():
    """Ten hours of a small shop: enough to feed for as long as a story lasts."""
    return list(simulate(seed=9, shoppers=900, duration_ms=10 * HOUR_MS))


@asynccontextmanager
async def fed(path: ShopPath, log: list[Arrival]) -> AsyncIterator[Seen]:
    """A worker with metrics, fed for as long as the story lasts; then it is stopped, and all it did is checked."""
    (port,) = free_ports(1)
    worker = await path.worker(metrics_port=port)
    feeding = asyncio.create_task(path.feed(log, SPEED))
    seen = Seen(port)
    try:
        yield seen
        assert not feeding.done()
        longest_s = await seen.longest_round_s()
        print(f"every round took at most {longest_s:g} s, with a deadline of {DEADLINE_MS} ms for its call")
        assert longest_s <= LONGEST_ROUND_S
    finally:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
    assert await worker.terminate() == ExitCode.OK
    await path.checked()
    asked = ("model", "previous_model") if path.settings.previous_version else ("model",)
    for record in await path.read(DECISIONS.name):
        decided = decode_decision(record.value).decision
        assert bool(decided.scores) == bool(decided.model) == (decided.mode in asked)


async def back_again(seen: Seen, what: str) -> None:
    back_s = await seen.until("model")
    print(f"{what}: the model decided again {back_s:.1f} s after Triton was well")
    assert back_s < BACK_WITHIN_S


async def test_while_triton_is_slow_silent_or_breaks_off_rules_decide_and_then_the_model_again(
    open_path, triton, long_log
):
    async with (
        Hindered(triton.grpc_address) as way,
        open_path(triton=way.address, inference_deadline_ms=DEADLINE_MS) as path,
        fed(path, long_log) as seen,
    ):
        await seen.until("model")
        for how in ("delays", "silent", "resets"):
            way.now(how)
            await seen.until("rules", more=50)
            way.now("passes")
            await back_again(seen, how)


async def test_a_triton_that_takes_ten_seconds_holds_up_no_rebalance(open_path, triton, long_log):
    async with (
        Hindered(triton.grpc_address) as way,
        open_path(triton=way.address, inference_deadline_ms=DEADLINE_MS) as path,
        fed(path, long_log) as seen,
    ):
        await seen.until("model")
        way.now("delays")
        await seen.until("rules")

        began_s = time.monotonic()
        second = await path.worker()
        await path.joined(2)
        print(f"a second worker had joined {time.monotonic() - began_s:.1f} s after it was started")
        await path.reached(max((await path.watermarks()).values()) + 60_000)
        await second.terminate()

        way.now("passes")
        await back_again(seen, "delays, with a rebalance")


@pytest.mark.parametrize("wrong", WRONG)
async def test_answers_that_are_wrong_are_not_believed_until_they_are_right(
    open_path, models, onnx_model, tmp_path, long_log, wrong
):
    write_model(tmp_path / "models", "tiny", 1, onnx_model(**WRONG[wrong]))
    first = await asyncio.to_thread(start_triton, tmp_path / "models")
    try:
        async with (
            open_path(triton=first.grpc_address, inference_deadline_ms=DEADLINE_MS) as path,
            fed(path, long_log) as seen,
        ):
            await seen.until("rules", more=50)
            assert (await seen.scores())["model"] == 0
            await asyncio.to_thread(first.stop)
            with await asyncio.to_thread(start_triton, models, first.ports.grpc):
                await back_again(seen, wrong)
    finally:
        first.stop()


async def test_the_previous_version_decides_while_the_newest_is_wrong_and_decisions_say_so(
    open_path, onnx_model, tmp_path, long_log
):
    write_model(tmp_path / "models", "tiny", 1, onnx_model())
    write_model(tmp_path / "models", "tiny", 2, onnx_model(**WRONG["NaN"]))
    with await asyncio.to_thread(start_triton, tmp_path / "models") as server:
        async with (
            open_path(triton=server.grpc_address, inference_deadline_ms=2 * DEADLINE_MS, previous_version=1) as path,
            fed(path, long_log) as seen,
        ):
            await seen.until("previous_model", more=50)
            await path.reached(max((await path.watermarks()).values()) + 60_000)
            assert (await seen.scores())["model"] == 0
        decided = [decode_decision(record.value).decision for record in await path.read(DECISIONS.name)]

    by_previous = [one.model for one in decided if one.mode == "previous_model"]
    assert len(by_previous) >= 50
    assert {(model.name, model.version) for model in by_previous} == {("tiny", "1")}


async def test_a_worker_that_is_there_before_triton_decides_by_rules_until_it_comes(open_path, models, long_log):
    port = free_port()
    async with (
        open_path(triton=f"127.0.0.1:{port}", inference_deadline_ms=DEADLINE_MS) as path,
        fed(path, long_log) as seen,
    ):
        await seen.until("rules", more=50)
        with await asyncio.to_thread(start_triton, models, port):
            await back_again(seen, "started after the worker")

"""Triton goes away in the middle and comes back: decisions never wait for it, and say who took them."""

import asyncio
from itertools import groupby

import pytest

from schemas.decisions import Decision, decode_decision
from schemas.topics import DECISIONS
from streams.embedded.triton import start_triton

pytestmark = [pytest.mark.kafka, pytest.mark.triton]
SPEED = 600
PATIENT_MS = 1_000


async def test_while_triton_is_gone_rules_decide_and_then_the_model_again(open_path, models, shop_log):
    first = await asyncio.to_thread(start_triton, models)
    quarter, half = len(shop_log) // 4, len(shop_log) // 2
    async with open_path(triton=first.grpc_address, inference_deadline_ms=PATIENT_MS) as path:
        await path.worker()
        await path.feed(shop_log[:quarter], SPEED, run_on_ms=0)
        await path.reached(shop_log[quarter // 2].at_ms)
        await asyncio.to_thread(first.stop)
        await path.feed(shop_log[quarter:half], SPEED, run_on_ms=0)
        await path.reached(shop_log[half - quarter // 2].at_ms)
        with await asyncio.to_thread(start_triton, models, first.ports.grpc):
            await path.feed(shop_log[half:], SPEED)
            await path.settled()
        await path.checked()
        decisions = sorted(map(decided, await path.read(DECISIONS.name)), key=lambda taken: taken.now_ms)

    modes = [decision.decision.mode for decision in decisions]
    spells = [mode for mode, _ in groupby(modes)]
    assert spells[0] == spells[-1] == "model"
    assert modes.count("rules") > 20
    assert all(bool(taken.decision.scores) == (taken.decision.mode == "model") for taken in decisions)
    assert all(bool(taken.decision.model) == (taken.decision.mode == "model") for taken in decisions)


def decided(record) -> Decision:
    return decode_decision(record.value)

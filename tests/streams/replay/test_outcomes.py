"""What came of each decision stands beside it: the labels of training, told while a log is replayed."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from schemas.topics import INTERVENTIONS, SUPPRESSED
from streams.replay import replay
from streams.replay.formats.table import RecordedLog
from streams.replay.labels import Stories
from streams.replay.moments import Asked, Moments, Seen
from streams.step_rules import step_rules
from tests.streams.replay.shop_log import RULES, WITH_MODEL, write_shop

MINUTE_MS = 60_000


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def out(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("replay")
    replay(shop, WITH_MODEL, out=out)
    return out


def rows(out: Path, name: str = "outcomes") -> list[dict[str, Any]]:
    return [json.loads(line) for file in sorted((out / name).iterdir()) for line in file.open("rb")]


def test_every_decision_has_one_row_with_what_was_expected(out: Path) -> None:
    decisions = {row["record"]["decision_id"]: row["record"] for row in rows(out, "shop.decisions.v1")}
    outcomes = {row["decision_id"]: row for row in rows(out)}

    assert decisions.keys() == outcomes.keys()
    assert len(rows(out)) == len(decisions) > 500
    for name, row in outcomes.items():
        scores = decisions[name]["decision"]["scores"]
        assert (row["abandon_30m"], row["purchase_24h"]) == (scores["abandon_30m"], scores["purchase_24h"])
        assert row["at_ms"] == decisions[name]["at_ms"]


def test_what_was_sent_and_what_was_held_back_are_named(out: Path) -> None:
    sent = {row["record"]["intervention_id"] for kind in INTERVENTIONS.values() for row in rows(out, kind.name)
            if "retracts" not in row["record"]}  # fmt: skip
    held_back = {row["record"]["intervention_id"] for row in rows(out, SUPPRESSED.name)}

    assert {row["intervention_id"] for row in rows(out) if row["outcome"] == "sent"} == sent
    assert {row["intervention_id"] for row in rows(out) if row["outcome"] == "suppressed"} == held_back
    assert all(row["intervention_id"] is None for row in rows(out) if row["action"] == "none")


def test_outcomes_are_the_labels_that_a_model_is_trained_on(shop: Path, out: Path) -> None:
    moments = Moments(step_rules(WITH_MODEL))
    of_log = list(moments.run(RecordedLog(shop).arrivals()))
    stories = Stories(moments.end_ms, moments.rules.cart_idle_ms)
    for moment in of_log:
        if isinstance(moment, Seen):
            stories.see(moment.key, moment.value)

    expected = [
        (asked.key.decode(), asked.request.at_ms, stories.of(asked.key).outcome(asked.request.at_ms, asked.cart_key))
        for asked in of_log
        if isinstance(asked, Asked)
    ]

    labels = [
        (user, at_ms, label(outcome.abandon_30m), label(outcome.purchase_24h)) for user, at_ms, outcome in expected
    ]
    told = [
        (row["user_id"], row["at_ms"], row["cart_abandoned"], row["bought_24h"])
        for row in rows(out)
        if row["asked"] == "event"
    ]
    assert sorted(told, key=str) == sorted(labels, key=str)
    assert {abandoned for _, _, abandoned, _ in told} == {True, False, None}


def label(value: float) -> bool | None:
    return None if math.isnan(value) else bool(value)


def test_a_cart_that_was_left_and_bought_later_says_how_much_later(tmp_path: Path) -> None:
    log = [event("Product Added", 0), event("Order Completed", 45), event("Product Viewed", 3 * 24 * 60)]
    (tmp_path / "log.jsonl").write_text("\n".join(log))

    result = replay(tmp_path / "log.jsonl", RULES, out=tmp_path / "out")

    nudge = next(row for row in rows(tmp_path / "out") if row["outcome"] == "sent")
    assert (nudge["action"], nudge["cart_abandoned"], nudge["bought_24h"]) == ("cart_nudge", True, True)
    assert nudge["bought_after_ms"] == 15 * MINUTE_MS
    assert result.outcomes.filter("outcome = 'sent'").select("bought_after_ms").fetchall() == [(15 * MINUTE_MS,)]


def test_what_the_log_does_not_reach_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text("\n".join([event("Product Added", 0), event("Product Viewed", 60)]))

    replay(tmp_path / "log.jsonl", RULES, out=tmp_path / "out")

    (nudge,) = rows(tmp_path / "out")
    assert (nudge["cart_abandoned"], nudge["bought_24h"], nudge["bought_after_ms"]) == (True, None, None)


def event(name: str, minute: int) -> str:
    properties: dict[str, Any] = {"product_id": "mug", "price": 9.5, "currency": "EUR"}
    if name == "Order Completed":
        properties = {"order_id": "o1", "products": [properties], "currency": "EUR", "total": 9.5}
    at_ms = 1_700_000_000_000 + minute * MINUTE_MS
    return json.dumps({"event": name, "messageId": f"m{minute}", "userId": "ann", "timestamp": at_ms,
                       "properties": properties})  # fmt: skip


def test_what_was_sent_twice_counts_once(tmp_path: Path) -> None:
    again = json.loads(event("Product Added", 20)) | {"messageId": "m0"}
    log = [event("Product Added", 0), json.dumps(again), event("Product Viewed", 60)]
    (tmp_path / "log.jsonl").write_text("\n".join(log))

    replay(tmp_path / "log.jsonl", RULES, out=tmp_path / "out")

    (nudge,) = rows(tmp_path / "out")
    assert (nudge["cart_abandoned"], nudge["cart_ended_after_ms"]) == (True, 0)

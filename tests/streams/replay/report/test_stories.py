"""The page stays small, however much one shopper did, and says what it leaves out."""

import json
from pathlib import Path
from typing import Any

import pytest

from streams.replay import replay
from streams.replay.report.report import report_page
from streams.replay.report.stories import MOST, MOST_DETAIL, MOST_ROWS
from streams.replay.sample import MOST_EVENTS, MOST_OF_ONE
from streams.settings import Settings
from tests.streams.replay.shop_log import RULES

START_MS = 1_700_000_000_000
ONE_PARTITION = Settings(model="", policy=RULES.policy, timeline_partitions=1)


def event(nth: int, user: str, name: str = "Product Viewed") -> str:
    properties: dict[str, Any] = {"product_id": "mug", "price": 9.5, "currency": "EUR", "cart_id": f"cart-{nth}"}
    if name == "Product List Viewed":
        properties = {"products": [{"product_id": f"mug-{place}"} for place in range(100)]}
    return json.dumps({"event": name, "messageId": f"m{nth}-{user}", "userId": user, "properties": properties,
                       "timestamp": START_MS + nth * 1_000})  # fmt: skip


def shown(folder: Path) -> list[dict[str, Any]]:
    text = report_page(folder).split('<script type="application/json" id="data">')[1].split("</script>")[0]
    shoppers: list[dict[str, Any]] = json.loads(text)["timelines"]["shoppers"]
    return shoppers


def test_of_a_bot_the_first_events_are_kept_and_the_others_counted(tmp_path: Path) -> None:
    log = [event(nth, "bot", "Product List Viewed") for nth in range(1_000)]
    (tmp_path / "log.jsonl").write_text("\n".join(log))

    replay(tmp_path / "log.jsonl", ONE_PARTITION, out=tmp_path / "out")

    (bot,) = shown(tmp_path / "out")
    assert len(bot["rows"]) == MOST_OF_ONE
    assert bot["note"] == f"never scored · {MOST_OF_ONE} events (and {1_000 - MOST_OF_ONE} more rows, not shown)"
    assert max(len(row["detail"]) for row in bot["rows"]) == MOST_DETAIL


def test_of_a_shopper_with_very_many_carts_not_every_decision_is_shown(tmp_path: Path) -> None:
    log = [event(nth, "ann", "Product Added") for nth in range(600)]
    (tmp_path / "log.jsonl").write_text("\n".join(log))

    summary = replay(tmp_path / "log.jsonl", ONE_PARTITION, out=tmp_path / "out").summary

    (ann,) = shown(tmp_path / "out")
    told = sum(summary.interventions.values()) + sum(summary.suppressed.values())
    assert told == 600
    assert len(ann["rows"]) == MOST_ROWS
    assert f"(and {600 - MOST_OF_ONE + MOST_OF_ONE + told - MOST_ROWS} more rows, not shown)" in ann["note"]


def test_the_sample_is_bounded_and_whole_stories_stay_in_it(tmp_path: Path) -> None:
    log = [event(nth, f"shopper-{nth % 2_000}") for nth in range(3 * MOST_EVENTS)]
    (tmp_path / "log.jsonl").write_text("\n".join(log))

    replay(tmp_path / "log.jsonl", ONE_PARTITION, out=tmp_path / "out")

    (file,) = (tmp_path / "out/sample").iterdir()
    sampled = [json.loads(line) for line in file.open("rb")]
    each = {len(shopper["events"]) for shopper in sampled}
    assert MOST_EVENTS * 0.9 < sum(len(shopper["events"]) for shopper in sampled) <= MOST_EVENTS
    assert each <= {3 * MOST_EVENTS // 2_000, 3 * MOST_EVENTS // 2_000 + 1}
    assert len(shown(tmp_path / "out")) == MOST


@pytest.mark.parametrize("kind", ["sent", "held_back", "event"])
def test_stories_of_different_kinds_are_shown(tmp_path: Path, kind: str) -> None:
    log = [event(nth, f"shopper-{nth}", "Product Added" if nth < 5 else "Product Viewed") for nth in range(500)]
    log += [event(10_000 + nth, "shopper-3", "Product Added") for nth in range(5)]
    (tmp_path / "log.jsonl").write_text("\n".join(log))

    replay(tmp_path / "log.jsonl", ONE_PARTITION, out=tmp_path / "out")

    assert any(row["kind"] == kind for shopper in shown(tmp_path / "out") for row in shopper["rows"])

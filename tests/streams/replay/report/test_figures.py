"""The figures of a report are what a plain look at the tables gives, and add up to the summary."""

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from schemas.kinds import LAST_CLICK, Kind
from streams.commands.replay import replay as replay_command
from streams.replay import replay
from streams.replay.notebook import Replay
from streams.replay.report.figures import Figures
from streams.replay.visits import SESSION_MS
from tests.streams.replay.shop_log import RULES, WITH_MODEL, write_shop
from tests.streams.replay.timelines import events_by_shopper

HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    log = write_shop(folder)
    at_ms = json.loads(log.read_bytes().splitlines()[-1])["at_ms"] + 30 * HOUR_MS
    last = {"event": "Product Viewed", "messageId": "last", "userId": "last", "timestamp": at_ms}
    last |= {"properties": {"product_id": "mug"}}
    with log.open("a") as file:  # so it is known what the others did within a day
        file.write(json.dumps({"at_ms": at_ms, "topic": "shop.events.click.v1", "value": json.dumps(last)}) + "\n")
    return log


@pytest.fixture(scope="module")
def result(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Replay:
    return replay(shop, WITH_MODEL, out=tmp_path_factory.mktemp("out"), keep_timeline=True)


@pytest.fixture(scope="module")
def found(result: Replay) -> Figures:
    return result.figures


@pytest.mark.parametrize(("nth", "label"), [(0, "cart_abandoned"), (1, "bought_24h")])
def test_predictions_are_judged_as_scikit_learn_judges_them(
    result: Replay, found: Figures, nth: int, label: str
) -> None:
    one = found.predictions[nth]
    known = result.outcomes.filter(f"asked = 'event' AND {label} IS NOT NULL AND {one.score} IS NOT NULL")
    scores, labels = np.array(known.select(f"{one.score}, {label}::INT").fetchall()).T

    assert (one.known, one.base_rate) == (len(labels), pytest.approx(labels.mean()))
    assert one.average_precision == pytest.approx(average_precision_score(labels, scores), abs=1e-12)
    assert one.auc == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    assert one.brier == pytest.approx(brier_score_loss(labels, scores), abs=1e-12)
    for point in one.curve[::20]:
        chosen = scores >= point.threshold
        assert point.precision == pytest.approx(labels[chosen].mean())
        assert point.recall == pytest.approx(labels[chosen].sum() / labels.sum())


def test_bins_hold_every_known_decision_once_and_say_what_happened_in_them(result: Replay, found: Figures) -> None:
    rows = result.outcomes.filter("asked = 'event' AND cart_abandoned IS NOT NULL AND abandon_30m IS NOT NULL")
    pairs = rows.select("abandon_30m, cart_abandoned").fetchall()
    one = found.predictions[0]

    assert sum(bin_.happened + bin_.did_not for bin_ in one.scores) == one.known == len(pairs) > 300
    assert sum(bin_.count for bin_ in one.calibration) == one.known
    for bin_ in one.calibration:
        same = [happened for score, happened in pairs if int(score * 10) == int(bin_.predicted * 10)]
        assert (bin_.count, bin_.happened) == (len(same), pytest.approx(sum(same) / len(same)))
        assert bin_.low <= bin_.happened <= bin_.high


def test_candidates_over_time_and_by_fate_add_up_to_the_summary(found: Figures) -> None:
    summary = found.summary
    by_fate: Counter[tuple[str, bool]] = Counter()
    for fate in found.fates:
        by_fate[fate.kind, fate.fate == "sent"] += fate.count
    over_time: Counter[str | None] = Counter()
    for step in found.over_time:
        over_time[step.kind] += step.count

    assert {kind: by_fate[kind, True] for kind in summary.interventions} == summary.interventions
    assert sum(fate.taken_back for fate in found.fates) == summary.retractions > 0
    held_back: Counter[str] = Counter()
    for fate in found.fates:
        held_back[fate.fate] += fate.count
    del held_back["sent"]
    assert held_back == summary.suppressed
    assert {kind: over_time[kind] for kind in summary.interventions} == summary.interventions
    assert over_time[None] == sum(summary.suppressed.values()) > 0


def test_the_summary_says_what_was_replayed_and_the_page_begins_with_it(result: Replay, tmp_path: Path) -> None:
    summary = result.summary

    times = [at_ms for events in events_by_shopper(result.folder).values() for at_ms, _ in events]
    ((version,),) = result.decisions.select("decision.model.version").distinct().fetchall()
    assert summary.models == {f"abandon_lstm {version}": summary.modes["model"]}
    assert summary.to_ms == max(times)  # the last one was on time
    assert summary.from_ms is not None
    assert min(times) <= summary.from_ms < min(times) + HOUR_MS
    text = result.report(tmp_path / "page.html").read_text()
    assert f"policy {summary.policy}, model abandon_lstm {version}." in text


def test_the_funnel_is_what_a_naive_rescan_of_the_timeline_counts(result: Replay, found: Figures) -> None:
    shoppers, sessions = Counter[str](), Counter[str]()
    for events in events_by_shopper(result.folder).values():
        ends = [0, *(n for n in range(1, len(events)) if gap(events, n) > SESSION_MS), len(events)]
        for start, end in pairwise(ends):
            sessions.update(steps(kind for _, kind in events[start:end]))
        shoppers.update(steps(kind for _, kind in events))

    assert found.summary.funnel == {"shoppers": shoppers, "sessions": sessions}
    assert sessions["came"] > shoppers["came"] > 100


def gap(events: list[tuple[int, int]], nth: int) -> int:
    """The silence before an event; what comes late has none."""
    return events[nth][0] - max(at_ms for at_ms, _ in events[:nth])


def steps(kinds: Any) -> set[str]:
    did = set(kinds)
    names = {"came"}
    names |= {"viewed"} if any(kind <= LAST_CLICK for kind in did) else set()
    names |= {"carted"} if Kind.PRODUCT_ADDED in did else set()
    return names | ({"bought"} if Kind.ORDER_COMPLETED in did else set())


def test_a_replay_of_no_decisions_has_a_page_that_says_so(tmp_path: Path) -> None:
    event = {"event": "Product Viewed", "messageId": "m1", "userId": "ann", "timestamp": 1_700_000_000_000}
    (tmp_path / "log.jsonl").write_text(json.dumps(event | {"properties": {"product_id": "mug"}}))

    result = replay(tmp_path / "log.jsonl", RULES)

    assert [one.known for one in result.figures.predictions] == [0, 0]
    text = result.report(tmp_path / "page.html").read_text()
    assert "There was no moment in which something might have been done." in text
    assert "no cart was scored" in text


def test_the_command_writes_the_figures_that_a_notebook_has(shop: Path, tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    environment = {"KAIROS_MODEL": "", "KAIROS_POLICY": RULES.policy}

    done = CliRunner().invoke(replay_command, [str(shop), "--report", str(file), "--processes", "2"], env=environment)

    assert done.exit_code == 0, done.output
    told = json.loads(file.read_text())
    assert told["summary"]["complete"] is True
    assert told["fates"][0]["count"] == told["summary"]["interventions"]["cart_nudge"] > 10
    assert list(tmp_path.iterdir()) == [file]

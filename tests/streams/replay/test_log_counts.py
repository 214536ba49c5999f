"""What is wrong with a log is counted where it is met, and agrees with what the simulator put in."""

import json
from collections import Counter
from pathlib import Path

import pytest

from schemas.dead_letters import DeadLetter
from streams.replay.examples import examples
from streams.replay.log_counts import LogCounts, is_bot
from streams.simulate import simulate
from streams.simulator.log import write_arrival
from streams.simulator.rates import Rates

HOUR_MS = 3_600_000
QUIET = Rates(**dict.fromkeys(Rates.__struct_fields__, 0.0))


def logged(folder: Path, rates: Rates, seed: int = 5) -> Path:
    path = folder / "events.jsonl"
    with path.open("wb") as file:
        for arrival in simulate(seed=seed, shoppers=60, duration_ms=12 * HOUR_MS, rates=rates):
            write_arrival(file, arrival)
    return path


def counted(log: Path, processes: int = 1) -> LogCounts:
    counts = LogCounts()
    for _ in examples(log, processes=processes, counts=counts):
        pass
    return counts


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return logged(tmp_path_factory.mktemp("noisy"), Rates(malformed=0.05, duplicates=0.04, late=0.03, bots=0.2))


def test_every_record_is_believed_or_refused_for_one_reason(noisy: Path) -> None:
    found = counted(noisy)

    with noisy.open("rb") as lines:
        assert found.read == sum(1 for _ in lines)
    assert found.events + sum(found.refused.values()) == found.read
    assert sum(found.missing.values()) == found.refused["missing_field"] > 0
    assert sum(found.out_of_range.values()) + sum(found.wrong_type.values()) == found.refused["invalid_value"] > 0
    assert found.out_of_range["properties.price"] > 0


def test_repeats_are_those_of_the_log(noisy: Path) -> None:
    sent = Counter[str]()
    with noisy.open("rb") as lines:
        for line in lines:
            try:
                sent[json.loads(json.loads(line)["value"])["messageId"]] += 1
            except (ValueError, KeyError, TypeError):
                continue

    found = counted(noisy).repeats

    assert found > 20
    assert found == pytest.approx(sum(times - 1 for times in sent.values()), rel=0.25)  # some of these are malformed


def test_any_number_of_processes_counts_the_same(noisy: Path) -> None:
    assert counted(noisy, processes=2) == counted(noisy)


def test_bots_and_what_came_late_are_seen_and_a_quiet_shop_has_none(noisy: Path, tmp_path: Path) -> None:
    loud, quiet = counted(noisy), counted(logged(tmp_path, QUIET))

    assert loud.bots > 2
    assert loud.bot_events > loud.events / 4
    assert loud.behind_watermark > 0
    assert loud.out_of_order > 0
    assert quiet.shoppers > 50
    assert (quiet.bots, quiet.refused, quiet.repeats, quiet.behind_watermark) == (0, {}, 0, 0)
    assert quiet.out_of_order < loud.out_of_order / 5  # on two devices at once


def test_a_bot_is_known_by_its_pace_and_not_by_how_long_it_stays() -> None:
    patient, hasty = [nth * 60_000 for nth in range(5_000)], [nth * 5_000 for nth in range(100)]

    assert not is_bot(patient)
    assert not is_bot(hasty[:-1])
    assert is_bot(patient + [patient[-1] + at_ms for at_ms in hasty])


@pytest.mark.parametrize(
    ("failure", "reason", "where"),
    [
        ("missing_field", "expected properties.products[12].product_id, got nothing; at x/0@1", "missing"),
        ("invalid_value", "expected `float` >= 0.0 in properties.products[1].price, got -3; at x", "out_of_range"),
        ("invalid_value", "expected timestamp in [2010-01-01, 2100-01-01), got 1; at x", "out_of_range"),
        ("invalid_value", "expected `str` in messageId, got 5, in short, got 7; at x", "wrong_type"),
    ],
)
def test_a_refusal_counts_for_its_field(failure: str, reason: str, where: str) -> None:
    counts = LogCounts()

    counts.refuse(DeadLetter(stage="VALIDATE", failure=failure, reason=reason))

    counts_of = {name: getattr(counts, name) for name in ("missing", "out_of_range", "wrong_type")}
    assert [name for name, fields in counts_of.items() if fields] == [where]
    (field,) = counts_of[where]
    assert field in {"properties.products[].product_id", "properties.products[].price", "timestamp", "messageId"}

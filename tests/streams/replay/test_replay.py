"""A replay gives the same bytes for the same log: in one process or three, cut anywhere, of events or of a timeline."""

import json
import random
from pathlib import Path
from typing import Any

import click
import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.topics import DECISIONS, TIMELINE
from streams.core.shard import Rules, Shard
from streams.pipeline import Partition
from streams.replay import replay
from streams.replay.books import Books
from streams.replay.formats.rees46 import HEADER
from streams.replay.lane import Lane
from streams.replay.scorers import ByRules
from streams.replay.timeline import Logged
from streams.replay.topic_files import SAMPLE
from streams.settings import Settings
from tests.integration.whole_path.rees46_rescan import episodes, rows
from tests.streams.decided import POLICY
from tests.streams.random_logs import random_log
from tests.streams.replay.shop_log import RULES, write_shop

ROOT = Path(__file__).parents[3]
REES46 = ROOT.parent / "shared/data/rees46/2019-Oct-first17k.csv.gz"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shop(tmp_path_factory.mktemp("shop"))


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def outputs(folder: Path) -> dict[str, bytes]:
    """What was decided: without the log and the summary, which name where it came from."""
    left_out = ("refused", "summary", TIMELINE.name)
    return {name: text for name, text in files(folder).items() if not name.startswith(left_out)}


def replayed(
    log: Path | str, out: Path, options: dict[str, Any] | None = None, rules: Settings = RULES
) -> dict[str, bytes]:
    """The files of a replay."""
    replay(log, rules, out=out, **options)
    return files(out)


def test_one_two_and_three_processes_write_the_same_bytes(shop: Path, tmp_path: Path) -> None:
    one, two, three = (
        replayed(shop, tmp_path / str(count), {"processes": count, "keep_timeline": True}) for count in (1, 2, 3)
    )

    assert one == two == three
    assert {name.split("/")[0] for name in one} >= {DECISIONS.name, TIMELINE.name, "refused", "summary.json"}
    assert sum(name.startswith("shop.interventions.cart_nudge") for name in one) > 1


def test_three_processes_that_leave_rows_of_others_unread_write_the_same_bytes(tmp_path: Path) -> None:
    rows, log = [HEADER.decode()], tmp_path / "log.csv"
    for nth in range(2_000):
        at = f"2019-10-01 {nth // 900:02}:{nth // 15 % 60:02}:{nth % 15 * 4:02} UTC"
        kind, price = (
            ("cart", "purchase", "view", "view")[nth * 7 % 4],
            ("9.50", "-1", "1e999", "")[(nth % 40 == 3) * nth % 4],
        )
        who = ("", "x" * 200, f"u{nth * 31 % 97}")[min(nth % 50, 2)]
        rows.append(f"{at},{kind},{nth % 9},1,toys,acme,{price},{who},s")
    log.write_text("\n".join([*rows[:500], "no row", "", *rows[500:]]))

    one, three = (replayed(log, tmp_path / str(count), {"processes": count, "keep_timeline": True}) for count in (1, 3))

    assert one == three
    summary = json.loads(one["summary.json"])
    assert summary["input"]["dead_letters"] > 80
    assert sum(summary["interventions"].values()) > 50


def test_a_model_answers_the_same_to_the_last_bit_in_one_process_and_in_three(shop: Path, tmp_path: Path) -> None:
    asked = Settings(policy=RULES.policy, models_dir=str(ROOT / "deploy/models"), timeline_partitions=5)

    one, three = (replayed(shop, tmp_path / str(count), {"processes": count}, asked) for count in (1, 3))

    assert one == three
    summary = json.loads(one["summary.json"])
    assert summary["modes"]["model"] == summary["scores"] > 500


@given(st.lists(st.integers(1, 6_000), max_size=4, unique=True).map(sorted))
@settings(max_examples=8, deadline=None)
def test_it_does_not_matter_into_which_files_a_log_was_cut(
    shop: Path, tmp_path_factory: pytest.TempPathFactory, cuts: list[int]
) -> None:
    folder, lines = tmp_path_factory.mktemp("cut"), shop.read_bytes().splitlines(keepends=True)
    (folder / "log").mkdir()
    for number, (start, end) in enumerate(zip([0, *cuts], [*cuts, len(lines)], strict=True)):
        if lines[start:end]:
            (folder / "log" / f"{number}.jsonl").write_bytes(b"".join(lines[start:end]))

    whole = replayed(shop, folder / "whole", {"format_name": "simulated"})
    pieces = replayed(folder / "log", folder / "pieces", {"format_name": "simulated"})

    assert {name for name in whole if name.startswith("shop.")} == {name for name in pieces if name.startswith("shop.")}
    assert outputs(folder / "whole") == outputs(folder / "pieces")


def test_what_is_told_does_not_depend_on_the_number_of_partitions(shop: Path, tmp_path: Path) -> None:
    told = []
    for count in (1, 7):
        replay(shop, Settings(model="", policy=RULES.policy, timeline_partitions=count), out=tmp_path / str(count))
        found = outputs(tmp_path / str(count))  # of each partition as many events are sampled
        lines = b"".join(text for name, text in found.items() if not name.startswith(SAMPLE)).splitlines()
        rows = [json.loads(line) for line in lines]
        told.append(sorted(json.dumps(row.get("record", row), sort_keys=True) for row in rows))

    assert told[0] == told[1]
    assert len(told[0]) > 50


@pytest.mark.parametrize("seed", range(40))
def test_a_lane_does_what_stepping_record_by_record_does(seed: int) -> None:
    log = [Logged(record.offset, record.key, record.value, record.offset) for record in random_log(seed).records]
    books, expected, now_ms = Heard(), [], log[0].at_ms
    lane = Lane(0, Partition(Shard(), Rules(), POLICY), ByRules(), books)

    for record in log:
        lane.give(record)
    lane.end()

    part = Partition(Shard(), Rules(), POLICY)
    for record in log:
        now_ms = record.at_ms if record.key is None else now_ms
        for ask in part.step([record]):
            part.answer([ask], *next(iter(ByRules().answers([(ask, now_ms)]))))
    expected = part.commit().outputs
    assert books.heard == expected
    assert len(expected) > 0


class Heard(Books):
    """Books that keep what is told."""

    def __init__(self) -> None:
        super().__init__(None)
        self.heard: list[Any] = []

    def tell(self, partition: int, outputs: list[Any]) -> None:
        """Keep it."""
        self.heard += outputs


def test_a_kept_timeline_gives_the_same_as_its_log_as_json_lines_and_as_parquet(shop: Path, tmp_path: Path) -> None:
    replay(shop, RULES, out=tmp_path / "events", keep_timeline=True)
    kept, parquet = tmp_path / "events" / TIMELINE.name, tmp_path / "timeline.parquet"
    columns = 'partition, "offset", at_ms, key, from_base64(value_base64) AS value'
    duckdb.sql(f"SELECT {columns} FROM read_json('{kept}/*.jsonl')").write_parquet(str(parquet))

    of_lines = replay(tmp_path / "events", RULES, out=tmp_path / "lines", processes=2)
    of_parquet = replay(parquet, RULES, out=tmp_path / "parquet", processes=3)

    assert outputs(tmp_path / "lines") == outputs(tmp_path / "parquet") == outputs(tmp_path / "events")
    assert of_lines.summary.carts == of_parquet.summary.carts
    assert (of_lines.summary.format, of_parquet.summary.format) == ("timeline, JSON Lines", "timeline, Parquet")


def test_bad_rows_are_counted_and_named_and_do_not_stop_the_run(shop: Path, tmp_path: Path) -> None:
    lines = shop.read_bytes().splitlines()
    lines.insert(100, b"what is this")
    (tmp_path / "log.jsonl").write_bytes(b"\n".join(lines))
    clean = replay(shop, RULES)

    dirty = replay(tmp_path / "log.jsonl", RULES, out=tmp_path / "out", processes=2)

    assert dirty.summary.input.dead_letters == clean.summary.input.dead_letters + 1
    assert any(row.startswith("log.jsonl:101: expected a JSON object") for row in dirty.summary.bad_rows)
    told = [json.loads(line) for file in (tmp_path / "out/refused").iterdir() for line in file.open()]
    assert len(told) == dirty.summary.input.dead_letters
    assert {"source", "failure", "reason"} == told[0].keys()
    assert dirty.summary.carts == clean.summary.carts


def test_bad_rows_of_a_timeline_are_counted_and_named(shop: Path, tmp_path: Path) -> None:
    whole = replay(shop, RULES, out=tmp_path / "events", keep_timeline=True)
    file = tmp_path / "events" / TIMELINE.name / "3.jsonl"
    first, second, *rest = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(first + second + second + b"{]\n" + b"".join(rest))

    found = replay(tmp_path / "events", RULES)

    assert found.summary.input.dead_letters == 2
    assert [row.split(": ")[0] for row in found.summary.bad_rows] == ["3.jsonl:3", "3.jsonl:4"]
    assert found.summary.carts == whole.summary.carts


def test_a_timer_fires_in_the_middle_of_a_silence_as_a_worker_fires_it(tmp_path: Path) -> None:
    added = {"event": "Product Added", "messageId": "m1", "userId": "ann", "timestamp": 1_700_000_000_500,
             "properties": {"product_id": "mug", "price": 9.5, "currency": "EUR"}}  # fmt: skip
    later = added | {"messageId": "m2", "userId": "bob", "timestamp": 1_700_090_000_000}
    (tmp_path / "log.jsonl").write_text("\n".join(json.dumps(event) for event in (added, later)))

    result = replay(tmp_path / "log.jsonl", RULES)

    assert result.summary.interventions == {"cart_nudge": 2, "cart_at_risk": 0}
    first, _ = result.decisions.select("at_ms, now_ms").order("at_ms").fetchall()
    assert first[0] == 1_700_000_000_500 + 1_800_000
    assert 0 <= first[1] - first[0] - 5_000 < 1_000  # a TICK in each second, which stays behind by the lateness


def test_tables_hold_what_was_told(shop: Path, tmp_path: Path) -> None:
    result = replay(shop, RULES)

    summary = result.summary
    assert result.decisions.aggregate("count(*)").fetchall() == [(summary.scores,)]
    assert dict(result.suppressed.aggregate("reason, count(*)", "reason").fetchall()) == summary.suppressed
    sent = result.interventions.filter("retracts IS NULL").aggregate("count(*)").fetchall()
    assert sent == [(sum(summary.interventions.values()),)]


@pytest.mark.skipif(not REES46.exists(), reason=f"the recorded log {REES46} is not here")
def test_a_real_shops_log_gives_the_counts_of_a_naive_rescan() -> None:
    complete, cut_off = rows(REES46)

    found = replay(REES46, RULES, processes=2).summary

    assert (found.input.timeline, found.input.dead_letters) == (len(complete), cut_off)
    counts = {"episodes": found.carts.episodes, "abandoned": found.carts.abandoned, "bought": found.carts.bought}
    assert counts == episodes(complete)
    assert (found.carts.events, found.purchases) == (165, 214)


def test_what_no_step_can_read_in_a_timeline_is_counted_and_named(shop: Path, tmp_path: Path) -> None:
    whole = replay(shop, RULES, out=tmp_path / "events", keep_timeline=True)
    file = tmp_path / "events" / TIMELINE.name / "3.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    last = json.loads(lines[-1])["offset"]
    for nth, (key, value) in enumerate((("ann", "Zm9v"), (None, "Zm9v"), ("bob", "")), 1):
        lines.append(
            json.dumps({**json.loads(lines[-1]), "offset": last + nth, "key": key, "value_base64": value}).encode()
        )
        lines[-1] += b"\n"
    file.write_bytes(b"".join(lines))

    found = replay(tmp_path / "events", RULES)

    assert found.summary.failures == {"undecodable": 3}
    assert found.summary.bad_rows[0].startswith(f"timeline partition 3, offset {last + 1}: expected a timeline record")
    assert found.summary.input.timeline == whole.summary.input.timeline
    assert found.summary.carts == whole.summary.carts


def test_a_log_that_is_not_in_the_order_of_time_is_sorted_first(shop: Path, tmp_path: Path) -> None:
    lines = shop.read_bytes().splitlines(keepends=True)
    random.Random(3).shuffle(lines)
    (tmp_path / "shuffled.jsonl").write_bytes(b"".join(lines))

    whole = replay(shop, RULES)
    found = replay(tmp_path / "shuffled.jsonl", RULES, out=tmp_path / "out", processes=2)

    assert found.summary.carts == whole.summary.carts
    assert found.summary.interventions == whole.summary.interventions
    assert found.summary.input == whole.summary.input


def test_files_of_a_folder_are_read_in_the_order_of_time_whatever_their_names(shop: Path, tmp_path: Path) -> None:
    lines = shop.read_bytes().splitlines(keepends=True)
    (tmp_path / "log").mkdir()
    for name, part in (("oct", lines[:2_000]), ("nov", lines[2_000:4_000]), ("dec", lines[4_000:])):
        (tmp_path / "log" / f"{name}.jsonl").write_bytes(b"".join(part))
    (tmp_path / "log" / "readme").write_text("what is this")

    replay(shop, RULES, out=tmp_path / "whole")
    replay(tmp_path / "log", RULES, out=tmp_path / "parts")

    assert outputs(tmp_path / "whole") == outputs(tmp_path / "parts")


def test_a_file_that_ends_too_early_is_one_line_also_where_several_processes_read_it(tmp_path: Path) -> None:
    cut_off = tmp_path / "log.jsonl.gz"
    cut_off.write_bytes(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03")

    with pytest.raises(click.ClickException, match=f"cannot read {cut_off}: "):
        replay(cut_off, RULES, processes=2, format_name="segment")

"""Recorded logs become arrivals: nothing is skipped, in order, with the line each came from."""

import gzip
import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from schemas.topics import CART, CLICK, CLOCK, PURCHASE
from streams.feed import Arrival
from streams.replay.formats.bad_line import source_of
from streams.replay.formats.lines import LineFile, UnreadableFile
from streams.replay.formats.rees46 import HEADER
from streams.replay.formats.table import RecordedLog
from streams.simulator.log import write_arrival

REAL = Path(__file__).parents[3] / "shared" / "data" / "rees46" / "2019-Oct-first17k.csv.gz"
OCTOBER_MS = 1_569_888_000_000
CARTED = b"2019-10-01 00:00:07 UTC,cart,5100816,2053013553375346967,,xiaomi,29.51,550121407,session-1"
BOUGHT = b"2019-10-01 00:00:09 UTC,purchase,5100816,1,electronics.clocks,xiaomi,29.51,550121407,session-1"


def recorded(folder: Path, *lines: bytes, header: bytes = HEADER) -> Path:
    path = folder / "log.csv"
    path.write_bytes(b"\r\n".join([header, *lines]))
    return path


def arrivals_of(path: Path, currency: str = "USD") -> list[Arrival]:
    return list(RecordedLog(path, "rees46", currency).arrivals())


def test_a_cart_row_becomes_product_added_named_after_its_file_and_line(tmp_path: Path) -> None:
    (arrival,) = arrivals_of(recorded(tmp_path, CARTED), currency="EUR")

    assert (arrival.at_ms, arrival.topic, arrival.key) == (OCTOBER_MS + 7_000, CART.name, b"550121407")
    assert json.loads(arrival.value) == {
        "event": "Product Added",
        "messageId": "log.csv:2",
        "userId": "550121407",
        "timestamp": "2019-10-01T00:00:07Z",
        "receivedAt": "2019-10-01T00:00:07Z",
        "properties": {
            "product_id": "5100816",
            "category": "2053013553375346967",
            "brand": "xiaomi",
            "price": 29.51,
            "quantity": 1,
            "currency": "EUR",
            "session_id": "session-1",
        },
    }


def test_a_purchase_row_becomes_an_order_of_one_product_named_after_the_row(tmp_path: Path) -> None:
    (arrival,) = arrivals_of(recorded(tmp_path, BOUGHT))
    properties = json.loads(arrival.value)["properties"]

    assert arrival.topic == PURCHASE.name
    assert (properties["order_id"], properties["total"], properties["currency"]) == ("log.csv:2", 29.51, "USD")
    assert [product["category"] for product in properties["products"]] == ["electronics.clocks"]


@pytest.mark.parametrize(
    "line",
    [
        CARTED[:60],
        CARTED + b",more",
        CARTED.replace(b"cart", b"wish"),
        CARTED.replace(b"29.51", b"cheap"),
        CARTED.replace(b" UTC", b""),
        CARTED.replace(b"10-01", b"13-01"),
        b"\xff" + CARTED,
        b"",
    ],
)
def test_a_line_that_is_no_row_goes_on_as_it_is_with_the_place_it_stands_at(tmp_path: Path, line: bytes) -> None:
    before, bad, after = arrivals_of(recorded(tmp_path, CARTED, line, BOUGHT))

    assert (bad.topic, bad.key, bad.value) == (CLICK.name, None, line)
    assert bad.headers == (("x-shop-source", b"log.csv:3"),)
    assert before.at_ms == bad.at_ms < after.at_ms


def test_bad_lines_at_the_beginning_arrive_with_the_first_row(tmp_path: Path) -> None:
    assert [arrival.at_ms for arrival in arrivals_of(recorded(tmp_path, b"oops", CARTED))] == [OCTOBER_MS + 7_000] * 2


def test_a_row_that_is_older_than_the_one_before_it_does_not_turn_time_back(tmp_path: Path) -> None:
    first, second = arrivals_of(recorded(tmp_path, BOUGHT, CARTED))

    assert first.at_ms == second.at_ms == OCTOBER_MS + 9_000
    assert json.loads(second.value)["timestamp"] == "2019-10-01T00:00:07Z"


def test_a_quoted_comma_is_part_of_its_column(tmp_path: Path) -> None:
    (arrival,) = arrivals_of(recorded(tmp_path, CARTED.replace(b"xiaomi", b'"mi, x"')))

    assert json.loads(arrival.value)["properties"]["brand"] == "mi, x"


def test_the_format_is_found_by_looking_at_the_file(tmp_path: Path) -> None:
    segment = tmp_path / "events.jsonl"
    segment.write_text('{"event": "Product Viewed", "timestamp": 5}\n')

    assert RecordedLog(recorded(tmp_path)).format_name == "rees46"
    assert RecordedLog(segment).format_name == "segment"


def test_segment_events_go_to_the_topic_of_their_kind_keyed_by_their_shopper(tmp_path: Path) -> None:
    lines = [
        '{"event": "Product Viewed", "userId": null, "anonymousId": "a", "timestamp": "2023-11-14T22:13:20.123Z"}',
        '{"event": "Product Added", "userId": "u", "anonymousId": "a", "timestamp": 1, "receivedAt": 1700000000124}',
        '{"event": "Moon Phase", "userId": "u", "timestamp": 1700000000125}',
        '{"event": "Order Completed", "userId": "u"}',
        '{"event": "Order Comp',
    ]
    path = tmp_path / "events.jsonl"
    path.write_text("\n".join(lines))

    arrivals = list(RecordedLog(path).arrivals())

    assert [arrival.topic for arrival in arrivals] == [CLICK.name, CART.name, CLICK.name, CLICK.name, CLICK.name]
    assert [arrival.key for arrival in arrivals] == [b"a", b"u", None, None, None]
    assert [arrival.at_ms - 1_700_000_000_000 for arrival in arrivals] == [123, 124, 124, 124, 124]
    assert [arrival.value.decode() for arrival in arrivals] == lines
    assert [source_of(arrival) for arrival in arrivals[1:]] == [None, *(f"events.jsonl:{n}" for n in (3, 4, 5))]


def test_a_simulated_log_comes_back_as_it_was_written_and_a_bad_line_goes_on_as_it_is(tmp_path: Path) -> None:
    written = [Arrival(5, CLICK.name, b"u", b"{}"), Arrival(7, CLOCK.name, None, b"\xff")]
    path = tmp_path / "simulated.jsonl"
    with path.open("wb") as file:
        for arrival in written:
            write_arrival(file, arrival)
        file.write(b'{"at_ms": 9, "top')

    log = RecordedLog(path)
    *good, bad = log.arrivals()

    assert log.format_name == "simulated"
    assert good == written
    assert (bad.at_ms, bad.topic, source_of(bad)) == (7, CLICK.name, "simulated.jsonl:3")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"what is this", "no known format"),
        (b"", "no known format"),
        (gzip.compress(HEADER, mtime=0)[:20], "ended before"),
    ],
)
def test_a_file_that_is_no_log_is_refused_in_one_line(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "log"
    path.write_bytes(content)

    with pytest.raises(UnreadableFile, match=f"^cannot read {path}: .*{reason}.*; expected a recorded log"):
        RecordedLog(path)


def test_a_missing_file_and_a_folder_are_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="No such file or directory; expected a recorded log"):
        RecordedLog(tmp_path / "nowhere.csv")
    with pytest.raises(UnreadableFile, match="Is a directory; expected a recorded log"):
        RecordedLog(tmp_path)


def test_the_position_in_a_file_ends_at_its_size(tmp_path: Path) -> None:
    file = LineFile(recorded(tmp_path, CARTED, BOUGHT))

    assert len(list(file.numbered())) == 3
    assert file.position == file.size > 0


@pytest.mark.skipif(not REAL.exists(), reason=f"the recorded log {REAL} is not here")
def test_the_real_log_is_read_to_its_cut_off_line() -> None:
    arrivals = list(RecordedLog(REAL).arrivals())
    values = [json.loads(arrival.value) for arrival in arrivals[:-1]]

    assert len(arrivals) == 17_435
    assert Counter(value["event"] for value in values) == {
        "Product Viewed": 17_055,
        "Product Added": 165,
        "Order Completed": 214,
    }
    assert [source_of(arrival) for arrival in arrivals if arrival.headers] == ["2019-Oct-first17k.csv.gz:17436"]
    assert len({value["messageId"] for value in values}) == 17_434
    assert len({value["userId"] for value in values}) == 4_504  # the data's README counts the cut-off one, too
    assert all(earlier.at_ms <= later.at_ms for earlier, later in pairwise(arrivals))

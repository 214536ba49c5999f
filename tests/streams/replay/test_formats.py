"""Logs of other systems become Segment's events: what they mean, by whom, when, and where a bad row stands."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import zstandard

from schemas.topics import CART, CLICK, PURCHASE
from streams.feed import Arrival
from streams.replay.formats.bad_line import source_of
from streams.replay.formats.lines import LineFile, UnreadableFile
from streams.replay.formats.table import RecordedLog

DATA = Path(__file__).parents[4] / "shared" / "data"
NOW_MS = 1_442_004_589_000


def written(folder: Path, *lines: str | dict[str, Any]) -> Path:
    path = folder / "log"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines) + "\n")
    return path


def read(path: Path, format_name: str) -> list[Arrival]:
    """The arrivals of a file whose format is found by looking."""
    log = RecordedLog(path, currency="EUR")
    assert log.format_name == format_name
    return list(log.arrivals())


def told(arrivals: list[Arrival]) -> list[tuple[str, str, dict[str, Any]]]:
    """Event, shopper and properties of each."""
    bodies = [json.loads(arrival.value) for arrival in arrivals]
    return [(body["event"], body.get("userId", ""), body["properties"]) for body in bodies]


def test_retailrockets_events_are_sorted_and_have_no_prices(tmp_path: Path) -> None:
    header = "timestamp,visitorid,event,itemid,transactionid"
    path = written(tmp_path, header, f"{NOW_MS + 9},7,transaction,55,4", f"{NOW_MS},7,view,55,", "x,7,view,55,",
                   f"{NOW_MS + 5},7,addtocart,55,", f"{NOW_MS},7,wish,55,")  # fmt: skip

    view, bad, add, wish, order = read(path, "retailrocket")

    assert told([view, add, order]) == [
        ("Product Viewed", "7", {"product_id": "55", "quantity": 1}),
        ("Product Added", "7", {"product_id": "55", "quantity": 1, "price": 0.0, "currency": "EUR"}),
        ("Order Completed", "7",
         {"order_id": "4", "currency": "EUR", "products": [{"product_id": "55", "quantity": 1}]}),
    ]  # fmt: skip
    assert [arrival.at_ms - NOW_MS for arrival in (view, add, order)] == [0, 5, 9]
    assert [source_of(bad), source_of(wish)] == ["log:4", "log:6"]  # where they stood, each with the row before it
    assert json.loads(order.value)["messageId"] == "log:2"


def test_retailrockets_item_events_are_views_in_seconds(tmp_path: Path) -> None:
    path = written(
        tmp_path, "timestamp\tuser_id\titem_id\tsession_id", "1442004759\t0\t357564\t3", "1442004589\t1\t9\t4"
    )

    first, second = read(path, "retailrocket")

    assert (first.at_ms, first.key) == (NOW_MS, b"1")
    assert told([second]) == [("Product Viewed", "0", {"product_id": "357564", "session_id": "3"})]


def test_an_otto_session_is_a_shopper_whose_orders_of_one_moment_are_one(tmp_path: Path) -> None:
    events = [(1, 0, "clicks"), (2, 50, "carts"), (2, 90, "orders"), (3, 90, "orders"), (4, 95, "orders")]
    late = {"session": 8, "events": [{"aid": aid, "ts": NOW_MS + ts, "type": kind} for aid, ts, kind in events]}
    early = {"session": 9, "events": [{"aid": 5, "ts": NOW_MS + 20, "type": "clicks"}]}

    arrivals = read(written(tmp_path, late, early, '{"session": 1, "events": [{"aid": 1}]}'), "otto")

    *good, bad = sorted(arrivals, key=lambda arrival: source_of(arrival) is not None)
    assert [(arrival.at_ms - NOW_MS, arrival.key) for arrival in good] == [
        (0, b"8"), (20, b"9"), (50, b"8"), (90, b"8"), (95, b"8"),
    ]  # fmt: skip
    assert [arrival.topic for arrival in good] == [CLICK.name, CLICK.name, CART.name, PURCHASE.name, PURCHASE.name]
    assert [product["product_id"] for product in json.loads(good[3].value)["properties"]["products"]] == ["2", "3"]
    assert source_of(bad) == "log:3"


def test_yoochooses_clicks_and_buys_are_told_by_their_columns(tmp_path: Path) -> None:
    clicks = read(written(tmp_path, "1,2014-04-07T10:51:09.277Z,214536502,0"), "yoochoose")
    buys = read(written(tmp_path, "1,2014-04-07T10:54:09.868Z,214536500,1046,2", "1,2014-04-07T10:54:10Z,5,0,0",
                        "1,2014,5,0,0"), "yoochoose")  # fmt: skip
    header = read(written(tmp_path, "SessionId\tItemId\tTime", "1\t7\t1396860669.277"), "yoochoose")

    assert told(clicks) == [("Product Viewed", "1", {"product_id": "214536502", "category": "0"})]
    assert clicks[0].at_ms == header[0].at_ms + 7_200_000 == 1_396_867_869_277
    products = [properties["products"] for _, _, properties in told(buys[:2])]
    assert products == [[{"product_id": "214536500", "price": 1046.0, "quantity": 2}], [{"product_id": "5"}]]
    assert source_of(buys[2]) == "log:3"


def test_ga4s_events_say_what_segments_say_and_unknown_ones_keep_their_name(tmp_path: Path) -> None:
    def event(name: str, **rest: Any) -> dict[str, Any]:
        session = {"key": "ga_session_id", "value": {"int_value": "77"}}
        currency = {"key": "currency", "value": {"string_value": "USD"}}
        base = {"event_timestamp": str(NOW_MS * 1_000), "event_name": name, "user_pseudo_id": "p.1"}
        return base | {"event_params": [session, currency, *rest.pop("params", [])]} | rest

    mug, pot = {"item_id": "mug", "price": 9.5, "quantity": "2"}, {"item_id": "pot", "price": 3.0}
    paid = {"key": "transaction_id", "value": {"string_value": "T1"}}
    path = written(tmp_path, event("add_to_cart", items=[mug, pot], user_id="ann"), event("page_view"),
                   event("purchase", items=[mug], params=[paid], ecommerce={"purchase_revenue": 19.0}))  # fmt: skip

    first, second, unknown, order = read(path, "ga4")

    common = {"currency": "USD", "session_id": "77"}
    assert told([first, second]) == [
        ("Product Added", "ann", common | {"product_id": "mug", "price": 9.5, "quantity": 2}),
        ("Product Added", "ann", common | {"product_id": "pot", "price": 3.0}),
    ]
    assert json.loads(first.value)["messageId"] != json.loads(second.value)["messageId"]
    assert (json.loads(unknown.value)["event"], unknown.key) == ("page_view", b"p.1")
    assert told([order])[0][2] == common | {
        "order_id": "T1", "total": 19.0, "products": [{"product_id": "mug", "price": 9.5, "quantity": 2}],
    }  # fmt: skip


def test_snowplows_actions_say_what_segments_events_say(tmp_path: Path) -> None:
    shop = "com_snowplowanalytics_snowplow_ecommerce_"

    def event(id_: str, action: str, **contexts: list[dict[str, Any]]) -> dict[str, Any]:
        base = {"event_id": id_, "collector_tstamp": "2015-09-11T20:49:49.000Z", "event": "unstruct",
                "dvce_created_tstamp": "2015-09-11 20:49:40.000", "dvce_sent_tstamp": "2015-09-11 20:49:45.000",
                "domain_userid": "d-1"}  # fmt: skip
        named = {f"contexts_{shop}{name}_1": told for name, told in contexts.items()}
        return base | {f"unstruct_event_{shop}snowplow_ecommerce_action_1": {"type": action}} | named

    product = {"id": "mug", "category": "kitchen", "price": 9.5, "currency": "GBP"}
    path = written(
        tmp_path,
        event("e1", "add_to_cart", product=[product], cart=[{"cart_id": "c", "total_value": 9.5, "currency": "GBP"}]),
        event("e2", "transaction", transaction=[{"transaction_id": "T", "revenue": 9.5, "currency": "GBP"}]),
        {"event_id": "e3", "collector_tstamp": "yesterday"},
    )

    *good, bad = sorted(read(path, "snowplow"), key=lambda arrival: source_of(arrival) is not None)

    assert [json.loads(arrival.value)["messageId"] for arrival in good] == ["e1", "e2"]
    assert [arrival.key for arrival in good] == [b"d-1", b"d-1"]
    assert told(good)[0][2] == {
        "currency": "GBP", "cart_id": "c", "product_id": "mug", "category": "kitchen", "price": 9.5,
    }  # fmt: skip
    assert told(good)[1][2] == {"currency": "GBP", "order_id": "T", "total": 9.5, "products": []}
    body = json.loads(good[0].value)
    assert body["receivedAt"] - body["sentAt"] == 4_000
    assert body["sentAt"] - body["originalTimestamp"] == 5_000
    assert source_of(bad) == "log:3"


def test_cloudevents_are_opened_and_arrive_at_the_time_of_the_envelope(tmp_path: Path) -> None:
    inner = {"event": "Product Added", "messageId": "m", "userId": "u", "timestamp": NOW_MS}
    envelope = {"specversion": "1.0", "id": "1", "type": "shop.event", "source": "/shop"}
    later = inner | {"timestamp": NOW_MS + 5_000}
    timed = envelope | {"time": "2015-09-11T20:49:50Z", "data": inner}
    path = written(tmp_path, timed, envelope | {"data": later}, envelope | {"data": {"event": "Moon"}})

    first, second, bad = read(path, "cloudevents")

    assert (first.at_ms, second.at_ms) == (NOW_MS + 1_000, NOW_MS + 5_000)
    assert (json.loads(first.value), first.topic, first.key) == (inner, CART.name, b"u")
    assert source_of(bad) == "log:3"


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_packed_files_are_read_as_what_is_in_them(tmp_path: Path, pack: Any) -> None:
    lines = [b"%d,%s" % (number, b"x" * (number % 300)) for number in range(20_000)]
    path = tmp_path / "log"
    path.write_bytes(pack(b"\n".join(lines[:9_000]) + b"\n") + pack(b"\n".join(lines[9_000:])))

    file = LineFile(path)

    assert list(file.numbered()) == list(enumerate(lines, 1))
    assert file.position == file.size


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_a_packed_file_that_is_cut_off_or_damaged_is_refused_in_one_line(tmp_path: Path, pack: Any) -> None:
    packed = pack(bytes(range(256)) * 999)
    path = tmp_path / "log"
    for damaged in (packed[: len(packed) // 2], packed[: len(packed) // 2] + b"\0" * 40):
        path.write_bytes(damaged)
        with pytest.raises(UnreadableFile, match=f"cannot read {path}"):
            list(LineFile(path).numbered())


@pytest.mark.skipif(not DATA.exists(), reason=f"the recorded logs of {DATA} are not here")
def test_the_real_files_of_otto_retailrocket_and_yoochoose_load_whole() -> None:
    otto = read(DATA / "otto/train_test_resource.jsonl", "otto")
    sessions = [json.loads(line) for line in (DATA / "otto/train_test_resource.jsonl").open()]
    events = [(s["session"], e["ts"], e["type"], n) for s in sessions for n, e in enumerate(s["events"])]
    one = {(session, ts, kind, 0 if kind == "orders" else n) for session, ts, kind, n in events}
    items = read(DATA / "retailrocket/item-events.tsv", "retailrocket")
    clicks = read(DATA / "yoochoose/clicks-100k_test.txt.gz", "yoochoose")

    assert (len(sessions), len(events)) == (20, 862)
    assert len(otto) == len(one)
    assert sum(len(json.loads(a.value)["properties"].get("products", [1])) for a in otto) == 862
    assert (len(items), len(clicks)) == (10_080, 13_568)
    for arrivals in (otto, items, clicks):
        assert [a for a in arrivals if a.headers] == []
        assert [a.at_ms for a in arrivals] == sorted(a.at_ms for a in arrivals)

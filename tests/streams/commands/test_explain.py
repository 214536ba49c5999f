"""`kairos explain`: from a log and a model to why a shopper has a score, as a table, as JSON and as a page."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from inference.dataset import gather, write_examples
from streams.commands.explain import explain
from streams.commands.train import train
from streams.replay.examples import examples

EVIL = "<img src=x onerror='window.hacked=1'>"
MINUTE_MS = 60_000
START_MS = 1_700_000_000_000
SHOPPERS = 40


def happened(name: str, user: str, at_ms: int, product: str, price: float) -> str:
    said = {"product_id": product, "name": product, "price": price, "currency": "EUR", "cart_id": "c"}
    head = {"event": name, "messageId": f"{user}{at_ms}", "userId": user, "timestamp": at_ms}
    return json.dumps({**head, "properties": said})


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shoppers who look at a mug, take it, and mostly leave it; one of each five buys it. One is called by markup."""
    lines = []
    for nth in range(SHOPPERS):
        at_ms, user = START_MS + nth * 300 * MINUTE_MS, EVIL if nth == 20 else f"u{nth}"
        lines.append(happened("Product Viewed", user, at_ms, EVIL, 12.5))
        lines.append(happened("Product Added", user, at_ms + MINUTE_MS, EVIL, 12.5))
        lines.append(happened("Product Viewed", user, at_ms + 2 * MINUTE_MS, "ufo", 99))
        if nth % 5 == 0:
            bought = {"order_id": f"o{nth}", "products": [{"product_id": EVIL, "price": 12.5}], "currency": "EUR"}
            head = {"event": "Order Completed", "messageId": f"o{nth}", "userId": user}
            lines.append(json.dumps({**head, "timestamp": at_ms + 5 * MINUTE_MS, "properties": bought}))
    path = tmp_path_factory.mktemp("log") / "log.jsonl"
    path.write_text("\n".join(lines))
    return path


@pytest.fixture(scope="module")
def stored(log: Path) -> Path:
    path = log.with_name("examples.npy")
    write_examples(path, gather(examples(log)))
    return path


@pytest.fixture(scope="module")
def model(stored: Path) -> Path:
    out = stored.with_name("model")
    result = CliRunner().invoke(train, [str(stored), "--out", str(out), "--epochs", "2", "--force"])
    assert result.exit_code == 0, result.output
    return out


def asked(model: Path, log: Path, *options: str) -> Result:
    return CliRunner().invoke(explain, [str(model), str(log), *options])


def test_each_event_is_told_with_its_time_its_product_and_what_it_did_to_the_score(model: Path, log: Path) -> None:
    result = asked(model, log, "--shopper", "u7", "--json")

    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert [one["event"] for one in found["events"]] == ["Product Viewed", "Product Added", "Product Viewed"]
    assert [(one["product"], one["price"]) for one in found["events"]] == [(EVIL, 1_250), (EVIL, 1_250), ("ufo", 9_900)]
    assert found["events"][0]["at"].startswith("2023-11-16T09:13:20")
    pushed = sum(one["contribution"] for part in ("events", "context") for one in found[part])
    assert found["start"] + pushed == pytest.approx(found["score"], abs=2e-3)
    assert {"feature": "cart_value", "value": 1_250.0}.items() <= next(
        one for one in found["context"] if one["feature"] == "cart_value"
    ).items()


def test_an_earlier_moment_knows_the_events_until_then(model: Path, log: Path) -> None:
    result = asked(model, log, "--shopper", "u7", "--at", "2023-11-16T09:14:59", "--json")

    assert [one["event"] for one in json.loads(result.stdout)["events"]] == ["Product Viewed", "Product Added"]


def test_a_file_of_examples_gives_the_same_without_the_names_of_products(model: Path, log: Path, stored: Path) -> None:
    by_log, by_examples = (json.loads(asked(model, path, "--shopper", "u7", "--json").stdout) for path in (log, stored))

    assert [one.pop("product") for one in by_examples["events"]] == [None, None, None]
    assert [one.pop("product") for one in by_log["events"]] == [EVIL, EVIL, "ufo"]
    assert by_examples["score"] == by_log["score"]
    assert by_examples["events"] == by_log["events"]


def test_the_table_has_the_same_for_people(model: Path, log: Path) -> None:
    result = asked(model, log, "--shopper", "u7")

    assert "Product Added" in result.stdout
    assert "ufo" in result.stdout
    assert "cart_value" in result.stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--shopper", "nobody"], "got none at all; look for the id in the log"),
        (["--shopper", "u7", "--at", "2020-01-01"], "got 2 from 2023-11-16 09:14:20 to 2023-11-16 09:15:20 (UTC)"),
        (["--shopper", "u7", "--head", "next_action"], "expected a head that answers with a probability"),
        (["--shopper", "u7", "--report", "page.png"], "expected a report that ends in .html, got page.png"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_fix(options: list[str], words: str, model: Path, log: Path) -> None:
    result = asked(model, log, *options)

    assert result.exit_code in (1, 2)
    assert words in result.stderr
    assert "Traceback" not in result.output


def test_the_page_is_written_where_it_is_wanted(model: Path, log: Path, tmp_path: Path) -> None:
    result = asked(model, log, "--shopper", EVIL, "--report", str(tmp_path / "page.html"))

    assert result.exit_code == 0, result.output
    page = (tmp_path / "page.html").read_text()
    assert page.startswith("<!doctype html>")
    assert EVIL not in page
    assert str(tmp_path / "page.html") in result.stdout

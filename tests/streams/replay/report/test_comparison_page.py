"""The page of a comparison in a real browser without a network: what differs is seen, and text stays text."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from streams.replay import compare
from streams.replay.comparison.compared import Compared
from tests.streams.replay.report.open_page import open_page
from tests.streams.replay.shop_log import RULES

EVIL = "<img src=x onerror='window.hacked=1'>"
DAY_MS = 86_400_000
PLOTS = 7


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Compared:
    """Three days of carts that are left; B sends for dear ones, once a day. All names that are given are markup."""
    folder = tmp_path_factory.mktemp("comparison")
    log, dear = folder / f"{EVIL}.jsonl", folder / f"{EVIL}.toml"
    log.write_text("\n".join(events()))
    dear.write_text(f'id = "{EVIL}"\nversion = "1"\n[cart_nudge]\nmin_value = 2000\n[caps]\nper_shopper = 1\n')
    return compare(log, [RULES.policy, dear], settings=RULES)


def events() -> Iterator[str]:
    for nth in range(60):
        user, at_ms = f"{EVIL}{nth % 12}", 1_700_000_000_000 + nth * DAY_MS // 20
        mug = {"product_id": "mug", "name": EVIL, "price": 5 + nth, "currency": "EUR", "cart_id": f"c{nth}"}
        yield event("Product Added", user, at_ms, mug)
        if nth % 5 == 0:
            bought = {"order_id": f"o{nth}", "products": [mug], "currency": "EUR", "total": 5 + nth}
            yield event("Order Completed", user, at_ms + DAY_MS // 24, bought)


def event(name: str, user: str, at_ms: int, properties: dict[str, object]) -> str:
    head = {"event": name, "messageId": f"{name}{at_ms}", "userId": user, "timestamp": at_ms}
    return json.dumps({**head, "properties": properties})


@pytest.fixture
def opened(browser: webdriver.Chrome, compared: Compared, tmp_path: Path) -> webdriver.Chrome:
    page = tmp_path / "page.html"
    page.write_text(compared.html(), encoding="utf-8")
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    open_page(browser, page)
    return browser


def test_every_plot_is_drawn_without_an_error_and_nobody_is_asked(opened: webdriver.Chrome) -> None:
    messages = [json.loads(entry["message"])["message"] for entry in opened.get_log("performance")]

    plots = opened.find_elements(By.CSS_SELECTOR, "figure .plot[data-drawn=yes]")
    assert len(plots) == PLOTS
    assert all(plot.find_elements(By.CSS_SELECTOR, ".trace") for plot in plots)
    assert opened.get_log("browser") == []
    assert sum(one["method"] == "Network.requestWillBeSent" for one in messages) == 1


def test_it_shows_how_many_each_side_sends_and_why_the_other_does_not(
    opened: webdriver.Chrome, compared: Compared
) -> None:
    facts = compared.facts
    tiles = [tile.text.split("\n")[:2] for tile in opened.find_elements(By.CSS_SELECTOR, "#glance .tile")]
    rows = [row.text for row in opened.find_elements(By.CSS_SELECTOR, "#who tbody tr")]

    assert tiles[:3] == [
        ["A sends", str(facts.a.sent)],
        ["B sends", str(facts.b.sent)],
        ["Carts by A alone", str(facts.carts.only_a)],
    ]
    assert facts.a.sent > facts.b.sent > 0 < facts.carts.only_a
    assert [one.reason for one in facts.differing] == ["frequency_cap", "not_eligible"]
    assert "the shopper had reached the cap" in rows[0]
    assert "cart below its least value" in rows[1]


def test_examples_stand_side_by_side(opened: webdriver.Chrome, compared: Compared) -> None:
    pairs = opened.find_elements(By.CSS_SELECTOR, ".pair")

    assert len(pairs) == len(compared.facts.examples) == 6
    left, right = pairs[0].find_elements(By.CSS_SELECTOR, ".panel")
    assert left.text.startswith("A sends cart_nudge")
    assert right.text.startswith("B sends nothing")
    assert left.rect["y"] == right.rect["y"]
    assert left.rect["x"] < right.rect["x"]
    assert "What really happened: " in pairs[0].text


def test_markup_in_names_of_files_shoppers_and_products_stays_text(opened: webdriver.Chrome) -> None:
    assert EVIL in opened.find_element(By.CSS_SELECTOR, ".lead").text
    assert EVIL in opened.find_element(By.CSS_SELECTOR, "#changed table").text
    assert EVIL in opened.find_element(By.CSS_SELECTOR, ".pair h3").text
    assert f"1 x {EVIL}" in opened.find_element(By.CSS_SELECTOR, ".pair .words").text
    assert opened.find_elements(By.TAG_NAME, "img") == []
    assert opened.execute_script("return window.hacked") is None


def test_a_phone_shows_it_without_scrolling_sideways(
    opened: webdriver.Chrome, compared: Compared, tmp_path: Path
) -> None:
    phone = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)

    open_page(opened, tmp_path / "page.html")

    assert opened.execute_script("return document.documentElement.scrollWidth") == 390


def test_the_same_comparison_is_the_same_page(compared: Compared) -> None:
    assert compared.html() == compared.html()

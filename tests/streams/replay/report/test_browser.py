"""The report in a real browser without a network: plots are drawn, shoppers are clicked through, text stays text."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from streams.replay import replay
from tests.streams.replay.report.open_page import open_page, wait_for
from tests.streams.replay.shop_log import WITH_MODEL, write_shop

EVIL = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 2'>"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    log = write_shop(folder)
    with log.open("a") as file:
        for event in evil_events(30 * 3_600_000):
            file.write(json.dumps(event) + "\n")
    return replay(log, WITH_MODEL).report(folder / "page.html")


def evil_events(after_ms: int) -> Iterator[dict[str, Any]]:
    """A shopper whose name and products are markup, a day after all others: so it is known what these did."""
    from streams.simulate import START_MS  # noqa: PLC0415  beside its only use

    for nth in range(5):
        at_ms = START_MS + after_ms + nth * 60_000
        properties = {"product_id": EVIL, "price": 5, "currency": "EUR", "cart_id": EVIL}
        value = {"event": "Product Added", "messageId": f"evil{nth}", "userId": EVIL, "timestamp": at_ms,
                 "properties": properties}  # fmt: skip
        yield {"at_ms": at_ms, "topic": "shop.events.cart.v1", "key": EVIL, "value": json.dumps(value)}


@pytest.fixture
def opened(browser: webdriver.Chrome, page: Path) -> webdriver.Chrome:
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    open_page(browser, page)
    return browser


def shoppers(browser: webdriver.Chrome) -> list[WebElement]:
    return browser.find_elements(By.CSS_SELECTOR, "[role=option]")


def test_it_opens_without_an_error_and_asks_nobody_for_anything(opened: webdriver.Chrome) -> None:
    messages = [json.loads(entry["message"])["message"] for entry in opened.get_log("performance")]
    asked = [one["params"]["request"]["url"] for one in messages if one["method"] == "Network.requestWillBeSent"]

    assert opened.get_log("browser") == []
    assert len(asked) == 1
    assert asked[0].startswith("file:")


def test_every_plot_is_drawn_and_has_a_title_units_and_words_for_who_cannot_see(opened: webdriver.Chrome) -> None:
    plots = opened.find_elements(By.CSS_SELECTOR, "figure .plot")

    assert len(plots) == 10
    for plot in plots:
        assert plot.get_attribute("aria-label")
        assert len(plot.find_elements(By.CSS_SELECTOR, ".plot .trace, .plot .bars .point")) > 0
        assert len(plot.find_elements(By.CSS_SELECTOR, ".xtitle")) == 1
    titles = {text.text for text in opened.find_elements(By.CSS_SELECTOR, "figure .xtitle, figure .ytitle")}
    assert {
        "score (probability)",
        "time (UTC)",
        "share of those who came",
        "precision (share that was right)",
    } <= titles


def test_shoppers_are_clicked_through(opened: webdriver.Chrome) -> None:
    title = opened.find_element(By.CSS_SELECTOR, ".moves h3")
    first, second, third, *_ = [one.find_element(By.TAG_NAME, "b").text for one in shoppers(opened)]
    assert title.text == first

    shoppers(opened)[1].click()
    assert title.text == second
    assert len(opened.find_elements(By.CSS_SELECTOR, ".steps li.event")) > 0

    opened.find_element(By.XPATH, "//button[contains(., 'Next')]").click()
    assert title.text == third

    opened.find_element(By.CSS_SELECTOR, ".list").send_keys(Keys.ARROW_UP)
    assert title.text == second
    assert shoppers(opened)[1].get_attribute("aria-selected") == "true"


def test_a_story_is_in_the_order_of_time_with_events_scores_and_interventions(opened: webdriver.Chrome) -> None:
    times = [step.get_attribute("datetime") or "" for step in opened.find_elements(By.CSS_SELECTOR, ".steps time")]
    kinds = {step.text for step in opened.find_elements(By.CSS_SELECTOR, ".steps .kind")}

    assert times == sorted(times)
    assert {"event", "score", "sent"} <= kinds

    opened.find_element(By.CSS_SELECTOR, ".only").click()
    shown = {step.text for step in opened.find_elements(By.CSS_SELECTOR, ".steps .kind") if step.is_displayed()}
    assert shown == kinds - {"event"}


def test_markup_in_a_product_id_stays_text(opened: webdriver.Chrome) -> None:
    evil = next(one for one in shoppers(opened) if EVIL in one.text)

    evil.click()

    assert opened.find_element(By.CSS_SELECTOR, ".moves h3").text == EVIL
    assert EVIL in opened.find_element(By.CSS_SELECTOR, ".steps .detail").text
    assert opened.execute_script("return window.hacked") is None
    assert opened.find_elements(By.TAG_NAME, "img") == []
    assert opened.get_log("browser") == []


def test_a_phone_shows_it_without_scrolling_sideways(opened: webdriver.Chrome, page: Path) -> None:
    phone = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)

    open_page(opened, page)

    assert opened.execute_script("return document.documentElement.scrollWidth") == 390
    widths = opened.execute_script("return [...document.querySelectorAll('.main-svg')].map((one) => one.clientWidth)")
    assert max(widths) <= 390


def test_plots_follow_a_reader_who_likes_it_dark(opened: webdriver.Chrome) -> None:
    def ink() -> str:
        return str(opened.execute_script("return getComputedStyle(document.querySelector('.xtitle')).fill"))

    light = ink()
    dark = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", dark)

    wait_for(opened, lambda: ink() != light)
    assert light == "rgb(28, 36, 48)"
    assert ink() == "rgb(230, 234, 240)"

"""The page of an explanation in a real browser without a network."""

from itertools import pairwise
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.common.by import By

from schemas.decisions import Contribution
from streams.replay.explained import Explained, ExplainedEvent
from streams.replay.report.explanation import page
from tests.streams.replay.report.open_page import open_page

EVIL = "<img src=x onerror='window.hacked=1'>"


def explained(events: int, apart: float = 0.0) -> Explained:
    return Explained(
        shopper=EVIL,
        at="2026-11-25T08:00:00.000Z",
        head="abandon_30m",
        score=0.81,
        start=0.4,
        apart=apart,
        events=tuple(
            ExplainedEvent(
                at=f"2026-11-25T07:00:{nth:02}.000Z", event="Product Viewed", product=EVIL, price=1_250,
                contribution=0.01 * (-1) ** nth,
            )
            for nth in range(events)
        ),
        context=(Contribution(feature="cart_age_s", value=312.5, contribution=0.41),),
    )  # fmt: skip


def opened(browser: webdriver.Chrome, tmp_path: Path, found: Explained) -> str:
    path = tmp_path / "page.html"
    path.write_text(page(found, f"the lstm in {EVIL}"), encoding="utf-8")
    open_page(browser, path)
    return str(browser.find_element(By.TAG_NAME, "body").text)


def test_every_event_has_its_bar_and_its_row_and_nothing_that_a_shop_wrote_runs(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    text = opened(browser, tmp_path, explained(32))

    assert len(browser.find_elements(By.CSS_SELECTOR, "#plot-events-0 .bars .point")) == 32
    assert len(browser.find_elements(By.CSS_SELECTOR, "#plot-events-0 .ytick")) == 32
    assert text.count(EVIL) == 34
    assert browser.execute_script("return window.hacked") is None
    assert not [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert "miss the score" not in text


def test_the_names_of_32_events_do_not_lie_on_each_other(browser: webdriver.Chrome, tmp_path: Path) -> None:
    opened(browser, tmp_path, explained(32))

    named = [one.rect for one in browser.find_elements(By.CSS_SELECTOR, "#plot-events-0 .ytick text")]
    assert len(named) == 32
    named.sort(key=lambda one: one["y"])
    assert all(above["y"] + above["height"] <= below["y"] + 2 for above, below in pairwise(named))


def test_a_shopper_without_events_is_said_to_have_none(browser: webdriver.Chrome, tmp_path: Path) -> None:
    text = opened(browser, tmp_path, explained(0))

    assert "this shopper has no history" in text
    assert "cart age s" in text


def test_contributions_that_do_not_add_up_are_warned_of(browser: webdriver.Chrome, tmp_path: Path) -> None:
    assert "miss the score by +0.050" in opened(browser, tmp_path, explained(3, apart=0.05))

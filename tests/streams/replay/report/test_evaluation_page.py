"""The page of an evaluation in a real browser: every head that has labels, every plot, and no network."""

import json
from pathlib import Path

import numpy as np
import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from inference.dataset import gather, split
from inference.heads import HEADS
from inference.judge.contenders import Answers
from inference.judge.draws import Drawing
from inference.judge.judgement import judge
from streams.evaluation.evaluation import Evaluation
from streams.evaluation.page import page as page_of
from streams.replay.data_quality import Source, data_quality
from tests.inference.shop import examples
from tests.streams.replay.report.open_page import open_page

CHANCES = ("purchase_24h", "abandon_30m")
EVIL = "<img src=x onerror='window.hacked = 1'>"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    all_of_them = gather(examples(1_200))
    all_of_them["churn_30d"] = np.nan
    parts = split(all_of_them)
    how = Drawing(seed=1, times=20)
    told = judge(guesses(np.concatenate([parts.validation, parts.test])), parts, how)
    quality = data_quality(Source(name="shop", sha256=""), all_of_them, parts, 0)
    found = Evaluation(model=EVIL, examples=quality, seed=1, intervals="95 %", warnings=["be careful"], heads=told)
    path = tmp_path_factory.mktemp("evaluation") / "page.html"
    path.write_text(page_of(found))
    return path


def guesses(asked: np.ndarray) -> Answers:
    rng = np.random.default_rng(1)
    wanted = [head for head in HEADS if head.name in {*CHANCES, "churn_30d", "next_action"}]
    return {
        head.name: rng.random(len(asked)) if head.width == 1 else rng.dirichlet(np.ones(head.width), len(asked))
        for head in wanted
    }


@pytest.fixture
def opened(browser: webdriver.Chrome, page: Path) -> webdriver.Chrome:
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    open_page(browser, page)
    return browser


def test_it_opens_without_an_error_and_asks_nobody_for_anything(opened: webdriver.Chrome) -> None:
    messages = [json.loads(entry["message"])["message"] for entry in opened.get_log("performance")]
    asked = [one["params"]["request"]["url"] for one in messages if one["method"] == "Network.requestWillBeSent"]

    assert opened.get_log("browser") == []
    assert len([url for url in asked if not url.startswith("data:")]) == 1  # a heat map is an image in the page itself
    assert EVIL in opened.find_element(By.TAG_NAME, "h1").text
    assert opened.execute_script("return window.hacked") is None


def test_every_head_with_labels_has_its_plots_and_tables_and_the_others_say_why_not(opened: webdriver.Chrome) -> None:
    for head in CHANCES:
        section = opened.find_element(By.ID, head)
        titles = [title.text for title in section.find_elements(By.CSS_SELECTOR, "figcaption h3")]
        assert titles == ["Precision and recall", "ROC", "Calibration", "Lift", "Probabilities", "Confusion matrix",
                          "PR-AUC by segment", "ROC-AUC by segment", "ECE by segment"]  # fmt: skip
        rows = section.find_elements(By.CSS_SELECTOR, ".card tbody tr")
        assert [row.find_element(By.TAG_NAME, "td").text for row in rows[:4]] == ["model", "rule", "logistic", "trees"]
    assert "accuracy" in opened.find_element(By.ID, "choices").text
    assert "churn 30d no label is known" in " ".join(opened.find_element(By.ID, "unjudged").text.split())
    assert opened.find_element(By.CSS_SELECTOR, ".warning").text == "be careful"


def test_every_plot_is_drawn_with_a_title_of_its_axis_and_words_for_who_cannot_see(opened: webdriver.Chrome) -> None:
    plots = opened.find_elements(By.CSS_SELECTOR, "figure .plot")

    assert len(plots) == 1 + 9 * len(CHANCES)
    for plot in plots:
        assert plot.get_attribute("aria-label")
        assert len(plot.find_elements(By.CSS_SELECTOR, ".trace, .point, .hm")) > 0
        assert len(plot.find_elements(By.CSS_SELECTOR, ".xtitle")) == 1


def test_a_phone_shows_it_without_scrolling_sideways(opened: webdriver.Chrome, page: Path) -> None:
    phone = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)

    open_page(opened, page)

    assert opened.execute_script("return document.documentElement.scrollWidth") == 390

"""Opening a page, and waiting until all its plots are drawn."""

from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

WAIT_S = 60


def open_page(browser: webdriver.Chrome, page: Path) -> None:
    for log in ("browser", "performance"):
        browser.get_log(log)  # of the page before
    browser.get(page.as_uri())
    wait_for(browser, lambda: drawn(browser) == len(browser.find_elements(By.CSS_SELECTOR, ".plot")) > 0)


def drawn(browser: webdriver.Chrome) -> int:
    return len(browser.find_elements(By.CSS_SELECTOR, ".plot[data-drawn=yes]"))


def wait_for(browser: webdriver.Chrome, condition: Any) -> None:
    WebDriverWait(browser, WAIT_S).until(lambda _: condition())

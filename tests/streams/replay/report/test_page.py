"""The page is one file that fetches nothing, and what a shopper wrote stays text."""

import re

import plotly.graph_objects as go

from streams.replay.report.page import Page, Plot, Section, Table, Tile, Timelines, html

EVIL = "</script><script>alert('x')</script><img src=x onerror=alert(1)>"


def page() -> Page:
    row = {"at_ms": 1_700_000_000_000, "kind": "event", "what": EVIL, "detail": EVIL, "abandon_30m": 0.5}
    section = Section(
        id="figures",
        title=EVIL,
        tiles=[Tile("shoppers", EVIL)],
        plots=[Plot("scores", EVIL, go.Figure(go.Bar(x=[EVIL], y=[1])), table=Table(EVIL, [EVIL], [[EVIL]]))],
        tables=[Table("a table", ["product"], [[EVIL]])],
        timelines=Timelines("a sample", [{"name": EVIL, "note": EVIL, "rows": [row]}]),
    )
    return Page(EVIL, EVIL, [section], warnings=[EVIL])


def test_what_a_shopper_wrote_is_never_html() -> None:
    text = html(page())

    assert EVIL not in text
    assert "<script>alert" not in text
    assert "<img" not in text.split('<script type="application/json"')[0]


def test_nothing_is_fetched() -> None:
    text = html(page())
    markup = re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)

    assert "http:" not in markup
    assert "https:" not in markup
    assert not re.search(r"<script[^>]*\ssrc=", text)
    assert "default-src 'none'" in text


def test_the_same_page_is_the_same_text() -> None:
    assert html(page()) == html(page())

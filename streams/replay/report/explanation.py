"""The page of an explanation: what a shopper did, when, and how much each event and each number moved the score."""

from collections.abc import Sequence
from typing import Final

import plotly.graph_objects as go

from schemas.decisions import Contribution
from streams.replay.explained import Explained, ExplainedEvent
from streams.replay.report.page import Page, Plot, Section, Table, Tile, html
from streams.replay.report.plots import BLUE, ORANGE, words

MOST_APART: Final = 0.01
"""Where the contributions miss the difference by more, the page warns."""
MANY: Final = 12
"""So many bars have their names beside them in a plot of the usual height."""
_WAY: Final = (
    "A contribution is how much of the score came from it, by integrated gradients (Sundararajan et al. 2017): up to "
    "the right, down to the left. Together they are the whole difference between this shopper's score and the start: "
    "a shopper whose numbers are the mean of what the model learned from, and of whose events nothing is known. They "
    "tell what the model goes by, not what would change the shopper's mind."
)


def page(found: Explained, model: str) -> str:
    """The page of an explanation, as HTML that needs no network. `model` says which model it is."""
    missed = [f"The contributions miss the score by {found.apart:+.3f}: read them as rough."]
    lead = f"{found.head} of shopper {found.shopper} at {_time(found.at)} UTC, as {model} sees it."
    sections = [_overview(found), _events(found.events), _context(found.context)]
    return html(Page(f"Why {found.score:.1%}?", lead, sections, missed if abs(found.apart) > MOST_APART else []))


def _overview(found: Explained) -> Section:
    by_events = sum(one.contribution for one in found.events)
    by_context = sum(one.contribution for one in found.context)
    tiles = (
        Tile("start", f"{found.start:.3f}", "the mean shopper, events unknown"),
        Tile("by the events", f"{by_events:+.3f}", f"{len(found.events)} events"),
        Tile("by the context", f"{by_context:+.3f}", "counts, the cart, the hour"),
        Tile("score", f"{found.score:.3f}", found.head),
    )
    return Section("score", "The score", _WAY, tiles=tiles)


def _events(events: Sequence[ExplainedEvent]) -> Section:
    if not events:
        return Section("events", "What happened", "Nothing yet: this shopper has no history.")
    rows = [[_time(one.at), one.event, one.product, one.price or None, _signed(one.contribution)] for one in events]
    labels = [f"{_time(one.at)}  {one.event}" for one in events]
    plot = Plot(
        "Each event, the newest below",
        "Time is UTC. The table has the products and the prices.",
        _bars(labels, [one.contribution for one in events]),
        alt="Bars: the contribution of each event.",
        wide=True,
        tall=len(events) > MANY,
    )
    head = ("time (UTC)", "event", "product", "price (minor units)", "contribution")
    return Section("events", "What happened", plots=[plot], tables=[Table("The events", head, rows)])


def _context(context: Sequence[Contribution]) -> Section:
    rows = [[words(one.feature), one.value, _signed(one.contribution)] for one in context]
    plot = Plot(
        "Each number of the context",
        "The greatest contribution above.",
        _bars([words(one.feature) for one in context], [one.contribution for one in context]),
        alt="Bars: the contribution of each number of the context.",
        wide=True,
        tall=True,
    )
    table = Table("The context", ("number", "value", "contribution"), rows)
    return Section("context", "What is known of the shopper and the cart", plots=[plot], tables=[table])


def _bars(labels: Sequence[str], pushes: Sequence[float]) -> go.Figure:
    """A bar for each label, from above to below. Labels may be the same: places keep them apart."""
    places = list(range(len(labels)))
    bar = go.Bar(
        orientation="h",
        y=places,
        x=list(pushes),
        marker={"color": [ORANGE if push > 0 else BLUE for push in pushes]},
        customdata=list(labels),
        hovertemplate="%{customdata}: %{x:+.4f}<extra></extra>",
    )
    layout = go.Layout(
        xaxis={"title": {"text": "contribution (probability)"}, "tickformat": "+.3~f", "zeroline": True},
        yaxis={"tickvals": places, "ticktext": list(labels), "autorange": "reversed"},
        showlegend=False,
    )
    return go.Figure([bar], layout)


def _signed(push: float) -> str:
    return f"{push:.4f}"


def _time(iso: str) -> str:
    return iso[:19].replace("T", " ")

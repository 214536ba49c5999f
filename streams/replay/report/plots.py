"""The plots of a report. What they look like (colours of light and dark, fonts, margins) is said in `page.js`."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import plotly.graph_objects as go

from streams.replay.report.figures import Fate, Feature, TimeStep
from streams.replay.report.predictions import Prediction

BLUE: Final = "#3f7fd6"
ORANGE: Final = "#e07b2e"
GREEN: Final = "#2f9e6b"
RED: Final = "#d1495b"
GREY: Final = "#8b95a5"
COLOURS: Final = (BLUE, ORANGE, GREEN, "#8e62c9", "#c7a008")
"""They are told from each other on white and on dark, also by eyes that do not see red and green."""


def funnel(counts: dict[str, dict[str, int]]) -> go.Figure:
    """What share of the shoppers, and of the sessions, came how far."""
    bars = [
        go.Bar(
            name=name,
            orientation="h",
            y=list(steps),
            x=[count / max(steps["came"], 1) for count in steps.values()],
            text=[f"{count:,}" for count in steps.values()],
            textposition="auto",
            cliponaxis=False,
            marker={"color": colour},
            hovertemplate="%{y}: %{text} " + name + ", %{x:.1%}<extra></extra>",
        )
        for (name, steps), colour in zip(counts.items(), COLOURS, strict=False)
    ]
    layout = go.Layout(
        xaxis={"title": {"text": "share of those who came"}, "tickformat": ".0%", "range": [0, 1.08]},
        yaxis={"autorange": "reversed"},
        barmode="group",
    )
    return go.Figure(bars, layout)


def candidates(fates: Sequence[Fate]) -> go.Figure:
    """How many candidates were sent, and how many held back for which reason, by kind."""
    names = [fate for fate, _ in sorted(_by_fate(fates).items(), key=lambda item: (item[0] != "sent", -item[1]))]
    bars = []
    for kind, colour in zip(sorted({fate.kind for fate in fates}), COLOURS, strict=False):
        found = {fate.fate: fate.count for fate in fates if fate.kind == kind}
        bars.append(
            go.Bar(
                name=kind,
                orientation="h",
                y=[words(name) for name in names],
                x=[found.get(name, 0) for name in names],
                marker={"color": colour},
                hovertemplate="%{y}: %{x:,} " + kind + "<extra></extra>",
            )
        )
    layout = go.Layout(
        xaxis={"title": {"text": "candidates"}, "rangemode": "tozero"},
        yaxis={"autorange": "reversed"},
        barmode="stack",
    )
    return go.Figure(bars, layout)


def _by_fate(fates: Sequence[Fate]) -> dict[str, int]:
    found: dict[str, int] = {}
    for fate in fates:
        found[fate.fate] = found.get(fate.fate, 0) + fate.count
    return found


def words(name: str) -> str:
    """A name of the wire as words.

    >>> words("no_consent")
    'no consent'
    """
    return name.replace("_", " ")


def scores(found: Prediction) -> go.Figure:
    """How the scores are spread, of those to whom it happened and of the others."""
    middles = [(one.low + one.high) / 2 for one in found.scores]
    width = found.scores[0].high - found.scores[0].low
    shown = (("it happened", [one.happened for one in found.scores], ORANGE),
             ("it did not", [one.did_not for one in found.scores], BLUE))  # fmt: skip
    bars = [
        go.Bar(name=name, x=middles, y=counts, width=width * 0.92, marker={"color": colour},
               hovertemplate="score about %{x:.2f}: %{y:,}<extra>" + name + "</extra>")
        for name, counts, colour in shown
    ]  # fmt: skip
    layout = go.Layout(
        xaxis={"title": {"text": "score (probability)"}, "range": [0, 1]},
        yaxis={"title": {"text": "decisions"}},
        barmode="stack",
    )
    return go.Figure(bars, layout)


def calibration(found: Prediction) -> go.Figure:
    """Of decisions with similar scores: how many it happened to. On the diagonal a score is a probability."""
    bins = found.calibration
    most = max(one.count for one in bins)
    happened = go.Scatter(
        name="what happened",
        mode="lines+markers",
        x=[one.predicted for one in bins],
        y=[one.happened for one in bins],
        error_y={"type": "data", "symmetric": False, "array": [one.high - one.happened for one in bins],
                 "arrayminus": [one.happened - one.low for one in bins], "color": GREY, "thickness": 1.2},
        marker={"color": ORANGE, "size": [8 + 14 * (one.count / most) ** 0.5 for one in bins]},
        line={"color": ORANGE, "width": 1.5},
        customdata=[one.count for one in bins],
        hovertemplate="predicted %{x:.3f}, happened %{y:.3f}, %{customdata:,} decisions<extra></extra>",
    )  # fmt: skip
    diagonal = go.Scatter(
        name="perfect", mode="lines", x=[0, 1], y=[0, 1], line={"color": GREY, "dash": "dash"}, hoverinfo="skip"
    )
    layout = go.Layout(
        xaxis={"title": {"text": "predicted (mean score of a bin)"}, "range": [0, 1.02]},
        yaxis={"title": {"text": "happened (share of a bin)"}, "range": [0, 1.02]},
    )
    return go.Figure([diagonal, happened], layout)


def curve(found: Prediction) -> go.Figure:
    """Precision against recall over all thresholds, beside what choosing by chance would give."""
    points, rate = found.curve, found.base_rate or 0.0
    line = go.Scatter(
        name="by score",
        mode="lines",
        x=[point.recall for point in points],
        y=[point.precision for point in points],
        customdata=[point.threshold for point in points],
        line={"color": BLUE, "width": 2.5},
        hovertemplate="score of at least %{customdata:.3f}:<br>precision %{y:.3f}, recall %{x:.3f}<extra></extra>",
    )
    chance = go.Scatter(
        name=f"by chance: {rate:.1%}", mode="lines", x=[0, 1], y=[rate, rate], line={"color": GREY, "dash": "dash"},
        hoverinfo="skip",
    )  # fmt: skip
    layout = go.Layout(
        xaxis={"title": {"text": "recall (share of all that happened)"}, "range": [0, 1.02]},
        yaxis={"title": {"text": "precision (share that was right)"}, "range": [0, 1.02]},
    )
    return go.Figure([chance, line], layout)


def over_time(steps: Sequence[TimeStep], step_ms: int) -> go.Figure:
    """How many interventions of each kind were sent in each step of time, and how many were held back."""
    kinds = sorted({step.kind for step in steps if step.kind is not None})
    bars = []
    for kind, colour in [*zip(kinds, COLOURS, strict=False), (None, GREY)]:
        found = [step for step in steps if step.kind == kind]
        name = words(kind) if kind else "held back"
        bars.append(
            go.Bar(
                name=name,
                x=[iso(step.at_ms) for step in found],
                y=[step.count for step in found],
                width=step_ms * 0.9,
                offset=0,
                marker={"color": colour, "opacity": 1.0 if kind else 0.45},
                hovertemplate="%{x}: %{y:,}<extra>" + name + "</extra>",
            )
        )
    layout = go.Layout(
        xaxis={"title": {"text": "time (UTC)"}, "type": "date"},
        yaxis={"title": {"text": f"candidates in {span(step_ms)}"}},
        barmode="stack",
    )
    return go.Figure(bars, layout)


def iso(at_ms: int) -> str:
    """A moment as plotly wants it, in UTC."""
    return datetime.fromtimestamp(at_ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def span(ms: int) -> str:
    """So much time in words.

    >>> span(60_000), span(7_200_000), span(86_400_000)
    ('1 min', '2 h', '1 day')
    """
    for unit_ms, unit in ((86_400_000, "day"), (3_600_000, "h"), (60_000, "min")):
        if ms >= unit_ms:
            count = ms / unit_ms
            return f"{count:g} {unit}" + ("s" if unit == "day" and count != 1 else "")
    return f"{ms / 1_000:g} s"


def pushes(features: Sequence[Feature]) -> go.Figure:
    """How much each feature pushed the decisions, by kind."""
    kinds = sorted({feature.kind for feature in features})
    bars = []
    for kind, colour in zip(kinds, COLOURS, strict=False):
        found = [feature for feature in features if feature.kind == kind and feature.push > 0]
        bars.append(
            go.Bar(
                name=words(kind),
                orientation="h",
                y=[words(feature.feature) for feature in found],
                x=[feature.push for feature in found],
                marker={"color": colour},
                hovertemplate="%{y}: %{x:.3f}<extra>" + words(kind) + "</extra>",
            )
        )
    layout = go.Layout(
        xaxis={"title": {"text": "mean size of the contribution (score)"}},
        yaxis={"autorange": "reversed"},
        barmode="group",
    )
    return go.Figure(bars, layout)

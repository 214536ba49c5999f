"""The plots of an evaluation. What they look like is said in `page.js` of the report."""

from collections.abc import Callable, Sequence
from typing import Final

import plotly.graph_objects as go

from inference.judge.contenders import MODEL, OPTIMUM
from inference.judge.draws import Interval
from inference.judge.figures import SCORE_BINS, Contender, Curves
from inference.judge.judgement import Judgement
from streams.replay.report.plots import BLUE, GREEN, GREY, ORANGE, words

_OTHERS: Final = (ORANGE, "#8e62c9", "#c7a008", "#2aa1b3")
Points = Callable[[Curves], Sequence[tuple[float, float]]]


def _colours(contenders: Sequence[Contender]) -> dict[str, str]:
    others = iter(_OTHERS * 2)
    fixed = {MODEL: BLUE, OPTIMUM: GREEN}
    return {one.name: fixed.get(one.name) or next(others) for one in contenders}


def _lines(
    contenders: Sequence[Contender], points: Points, axes: tuple[str, str], mode: str = "lines"
) -> list[go.Scatter]:
    x_name, y_name = axes
    colours = _colours(contenders)
    return [
        go.Scatter(
            name=one.name,
            mode=mode,
            x=[x for x, _ in points(one.curves)],
            y=[y for _, y in points(one.curves)],
            line={"color": colours[one.name], "width": 3 if one.name == MODEL else 1.6,
                  "dash": "dot" if one.name == OPTIMUM else "solid"},
            hovertemplate=f"{one.name}: {x_name} %{{x:.3f}}, {y_name} %{{y:.3f}}<extra></extra>",
        )
        for one in reversed(contenders)  # the model on top
    ]  # fmt: skip


def _figure(
    lines: Sequence[go.Scatter], x: str, y: str, ranges: tuple[Sequence[float] | None, Sequence[float] | None]
) -> go.Figure:
    layout = go.Layout(
        xaxis={"title": {"text": x}, "range": ranges[0]},
        yaxis={"title": {"text": y}, "range": ranges[1]},
        legend={"traceorder": "reversed", "font": {"size": 11}, "entrywidthmode": "fraction", "entrywidth": 0.32},
    )
    return go.Figure(lines, layout)


def _dashed(name: str, ends: tuple[tuple[float, float], tuple[float, float]]) -> go.Scatter:
    (x0, y0), (x1, y1) = ends
    return go.Scatter(name=name, mode="lines", x=[x0, x1], y=[y0, y1], line={"color": GREY, "dash": "dash", "width": 1},
                      hoverinfo="skip")  # fmt: skip


def precision_recall(told: Judgement) -> go.Figure:
    """Precision against recall, everybody in one plot."""
    lines = _lines(told.contenders, lambda curves: curves.precision_recall, ("recall", "precision"))
    rate = told.base_rate or 0.0
    chance = _dashed(f"by chance {rate:.1%}", ((0, rate), (1, rate)))
    return _figure([chance, *lines], "recall (share of what came that was found)", "precision (share that was right)",
                   ([0, 1.02], [0, 1.02]))  # fmt: skip


def roc(told: Judgement) -> go.Figure:
    """True positives against false positives."""
    lines = _lines(told.contenders, lambda curves: curves.roc, ("false positive rate", "true positive rate"))
    return _figure([_dashed("by chance", ((0, 0), (1, 1))), *lines], "false positive rate", "true positive rate",
                   ([0, 1.02], [0, 1.02]))  # fmt: skip


def lift(told: Judgement) -> go.Figure:
    """How much more often it came true among the most probable than on average."""
    lines = _lines(told.contenders, lambda curves: curves.lift, ("share", "lift"), "lines+markers")
    figure = _figure([_dashed("by chance", ((0.01, 1), (1, 1))), *lines], "share of the examples, most probable first",
                     "lift (times the average)", (None, None))  # fmt: skip
    figure.layout.xaxis.update(type="log", tickformat=".0%", tickvals=[0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1])
    figure.layout.yaxis.rangemode = "tozero"
    return figure


def calibration(told: Judgement) -> go.Figure:
    """Of similar probabilities: how often they came true."""
    lines = _lines(told.contenders, _reliability, ("predicted", "happened"), "lines+markers")
    for line, one in zip(lines, reversed(told.contenders), strict=True):
        most = max(each.count for each in one.curves.calibration)
        line.marker.size = [5 + 9 * (each.count / most) ** 0.5 for each in one.curves.calibration]
    return _figure([_dashed("perfect", ((0, 0), (1, 1))), *lines], "predicted (mean of a bin)",
                   "happened (share of a bin)", ([0, 1.02], [0, 1.02]))  # fmt: skip


def _reliability(curves: Curves) -> list[tuple[float, float]]:
    return [(one.predicted, one.happened) for one in curves.calibration]


def spread(model: Contender) -> go.Figure:
    """How the model's probabilities are spread, of what came true and of the rest; and where the threshold is."""
    middles = [(nth + 0.5) / SCORE_BINS for nth in range(SCORE_BINS)]
    bars = [
        go.Bar(name=name, x=middles, y=[counts[nth] for counts in model.curves.spread], width=0.92 / SCORE_BINS,
               marker={"color": colour}, hovertemplate="about %{x:.2f}: %{y:,}<extra>" + name + "</extra>")
        for nth, (name, colour) in enumerate((("it happened", ORANGE), ("it did not", BLUE)))
    ]  # fmt: skip
    layout = go.Layout(
        barmode="stack",
        xaxis={"title": {"text": "probability, as the model says"}, "range": [0, 1]},
        yaxis={"title": {"text": "examples"}},
        shapes=[{"type": "line", "x0": model.threshold, "x1": model.threshold, "y0": 0, "y1": 1, "yref": "paper",
                 "line": {"color": GREY, "dash": "dash"}}],
        annotations=[{"x": model.threshold, "y": 1, "yref": "paper", "text": f"threshold {model.threshold:.3f}",
                      "showarrow": False, "xanchor": "left" if model.threshold < 0.7 else "right", "yanchor": "top"}],
    )  # fmt: skip
    return go.Figure(bars, layout)


def confusion(model: Contender) -> go.Figure:
    """What was said at the threshold against what came."""
    found = model.confusion
    counts = [[found.true_positives, found.false_negatives], [found.false_positives, found.true_negatives]]
    shares = [[count / max(1, sum(row)) for count in row] for row in counts]
    text = [
        [f"{count:,}<br>{share:.1%}" for count, share in zip(*rows, strict=True)]
        for rows in zip(counts, shares, strict=True)
    ]
    drawn = go.Heatmap(
        x=["said yes", "said no"], y=["it happened", "it did not"], z=shares, text=text, texttemplate="%{text}",
        textfont={"size": 16}, colorscale=[[0, "rgba(63,127,214,0.06)"], [1, "rgba(63,127,214,0.75)"]], zmin=0, zmax=1,
        showscale=False, hovertemplate="%{y}, %{x}: %{text}<extra></extra>", xgap=4, ygap=4,
    )  # fmt: skip
    layout = go.Layout(xaxis={"title": {"text": "at the threshold"}}, yaxis={"autorange": "reversed"})
    return go.Figure([drawn], layout)


def ahead(judged: Sequence[Judgement]) -> go.Figure:
    """How much more PR-AUC the model has than each of the others, on each head."""
    names = list(dict.fromkeys(one.name for told in judged for one in told.contenders if one.ahead is not None))
    others, drawn = iter(_OTHERS * 2), []
    for name in names:
        colour = GREEN if name == OPTIMUM else next(others)
        found = {told.head: one.ahead["pr_auc"] for told in judged for one in told.contenders
                 if one.name == name and one.ahead and "pr_auc" in one.ahead}  # fmt: skip
        drawn.append(_bars(name, [words(head) for head in found], list(found.values()), colour))
    layout = go.Layout(
        scattermode="group",
        xaxis={"title": {"text": "PR-AUC of the model less that of the other; right of zero the model is better"}},
        yaxis={"autorange": "reversed", "type": "category"},
        shapes=[{"type": "line", "x0": 0, "x1": 0, "y0": 0, "y1": 1, "yref": "paper",
                 "line": {"color": GREY, "dash": "dash"}}],
    )  # fmt: skip
    return go.Figure(drawn, layout)


def _bars(name: str, places: Sequence[str], found: Sequence[Interval], colour: str) -> go.Scatter:
    """Figures as dots with their intervals."""
    return go.Scatter(
        name=name,
        mode="markers",
        orientation="h",
        x=[one.value for one in found],
        y=list(places),
        error_x={"type": "data", "symmetric": False, "color": colour, "thickness": 1.6, "width": 4,
                 "array": [(one.value if one.high is None else one.high) - one.value for one in found],
                 "arrayminus": [one.value - (one.value if one.low is None else one.low) for one in found]},
        marker={"color": colour, "size": 9},
        hovertemplate="%{y}: %{x:.3f}<extra>" + name + "</extra>",
    )  # fmt: skip


def segments(told: Judgement, figure: str, name: str) -> go.Figure:
    """A figure of the model by segment, with its interval, beside that of all examples."""
    found = [one for one in told.segments if figure in one.figures]
    all_of_them = next(one.figures[figure].value for one in told.contenders if one.name == MODEL)
    drawn = _bars(name, [f"{one.by}: {one.value}" for one in found], [one.figures[figure] for one in found], BLUE)
    layout = go.Layout(
        xaxis={"title": {"text": name}},
        yaxis={"autorange": "reversed", "type": "category"},
        shapes=[{"type": "line", "x0": all_of_them, "x1": all_of_them, "y0": 0, "y1": 1, "yref": "paper",
                 "line": {"color": GREY, "dash": "dash"}}],
    )  # fmt: skip
    return go.Figure([drawn], layout)

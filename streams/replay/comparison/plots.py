"""The plots of a comparison. What stands in them is numbers and our own words, never what a log or a file says."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from schemas.interventions import KINDS
from streams.replay.comparison import words
from streams.replay.comparison.facts import Comparison, Differing, Known, SideFacts
from streams.replay.comparison.sides import SideName
from streams.replay.report.page import Plot, Table

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

COLORS: Final[dict[SideName, str]] = {"A": "#2f6fd0", "B": "#e08a1e"}
LEAST_LEAD_MS: Final = 1_000
LEAD_TICKS_MS: Final = (10_000, 60_000, 600_000, 7_200_000, 36_000_000)
"""On an axis of powers: leads are of seconds and of hours."""
PATTERNS: Final[dict[SideName, dict[str, Any]]] = {
    "A": {"shape": ""},
    "B": {"shape": "/", "fillmode": "overlay", "fgcolor": "#ffffff", "fgopacity": 0.45, "solidity": 0.25},
}
"""Told apart without colour, too."""
DIFFERENCES: Final = {"only_a": COLORS["A"], "only_b": COLORS["B"], "other": "#7b8794"}


def sent_by_kind(facts: Comparison) -> Plot:
    """How many of each kind."""
    kinds = [words.kind(kind) for kind in KINDS]
    sent = {side.name: [one.sent for one in side.kinds] for side in (facts.a, facts.b)}
    table = Table("Interventions by kind", ("", "A", "B"), [*zip(kinds, sent["A"], sent["B"], strict=True)])
    figure = _bars(kinds, sent, "interventions")
    return Plot("Volume by kind", "How many interventions each side sends.", figure, table=table)


def sent_over_time(facts: Comparison) -> Plot:
    """How many were sent in each stretch of log time, all kinds together."""
    times = list(_stretches(facts))
    counts = {name: dict.fromkeys(times, 0) for name in COLORS}
    for one in facts.over_time:
        counts[one.side][one.at_ms] += one.sent
    labels = [words.moment(at_ms) for at_ms in times]
    rows = [(label, counts["A"][at_ms], counts["B"][at_ms]) for at_ms, label in zip(times, labels, strict=True)]
    said = f"All kinds, in stretches of {words.duration(facts.stretch_ms)} of log time (UTC)."
    if not times:
        return Plot("Over time", "Nothing was sent by either side.", None)
    traces: list[dict[str, Any]] = [
        {"type": "scatter", "mode": "lines+markers", "name": name, "x": labels, "y": list(counts[name].values()),
         "line": {"color": color, "width": 2, "shape": "hvh", "dash": "solid" if name == "A" else "dash"},
         "marker": {"size": 5}}
        for name, color in COLORS.items()
    ]  # fmt: skip
    figure = _figure(traces, {"yaxis": {"title": {"text": "sent"}, "rangemode": "tozero"}, "xaxis": {"type": "date"}})
    return Plot("Over time", said, figure, table=Table("Sent over time", ("from", "A", "B"), rows))


def _stretches(facts: Comparison) -> Sequence[int]:
    """Every stretch from the first to the last, also those in which nothing was sent."""
    times = sorted({one.at_ms for one in facts.over_time})
    return range(times[0], times[-1] + 1, facts.stretch_ms) if times else ()


def reasons(facts: Comparison) -> Plot:
    """Carts by who addresses them and why the other side does not."""
    said = "Carts about which the sides differ, by why the other side was silent at the moment when the first one sent."
    if not facts.differing:
        return Plot("Why", "The sides address the same carts at the same moments.", None, wide=True)
    counts = {difference: Counter[str]() for difference in words.DIFFERENCES}
    for one in facts.differing:
        counts[one.difference][_label(one)] += one.carts
    names = [name for name, _ in sum(counts.values(), Counter[str]()).most_common()][::-1]  # plots begin at the bottom
    traces = [
        {"type": "bar", "orientation": "h", "name": said, "y": names, "x": [counts[difference][name] for name in names],
         "marker": {"color": DIFFERENCES[difference], "pattern": PATTERNS["B"] if difference == "only_b" else {}}}
        for difference, said in words.DIFFERENCES.items()
        if counts[difference]
    ]  # fmt: skip
    layout = {"barmode": "stack", "xaxis": {"title": {"text": "carts"}}, "legend": {"traceorder": "normal"}}
    return Plot("Why", said, _figure(traces, layout), wide=True)


def _label(one: Differing) -> str:
    return words.why(one).replace("; ", ";<br>")


def held_back(facts: Comparison) -> Plot:
    """What each side held back, by reason."""
    counts = {side.name: _held_back(side) for side in (facts.a, facts.b)}
    names = list(dict.fromkeys([*counts["A"], *counts["B"]]))
    if not names:
        return Plot("Held back", "Neither side held anything back.", None)
    by_side = {name: [counts[name].get(reason, 0) for reason in names] for name in COLORS}
    said = "Candidates that a policy considered and did not send. One cart may come up many times."
    labels = [words.reason(name) for name in names]
    table = Table("Held back by reason", ("reason", "A", "B"), [*zip(labels, by_side["A"], by_side["B"], strict=True)])
    return Plot("Held back", said, _bars(labels, by_side, "times", lying=True), table=table)


def _held_back(side: SideFacts) -> dict[str, int]:
    total = dict[str, int]()
    for kind in side.kinds:
        for reason, count in kind.held_back.items():
            total[reason] = total.get(reason, 0) + count
    return total


def right(facts: Comparison) -> Plot:
    """The share of each kind that was right, with the interval in which it may be."""
    sides = (facts.a, facts.b)
    kinds = [nth for nth in range(len(KINDS)) if any(side.kinds[nth].right.known for side in sides)]
    said = "Of interventions whose end the log tells. Lines show where the true share is, with 95 % confidence."
    if not kinds:
        return Plot("Precision", "The log ends too soon to say whether anything was right.", None)
    names = [f"{words.kind(KINDS[nth])}:<br>{words.RIGHT[KINDS[nth]]}" for nth in kinds]
    traces = [_shares(side.name, names, [side.kinds[nth].right for nth in kinds]) for side in sides]
    layout = {
        "barmode": "group",
        "yaxis": {"range": [0, 1.02], "tickformat": ".0%", "title": {"text": "share that was right"}},
        "bargap": 0.4,
    }
    return Plot("Precision", said, _figure(traces, layout))


def _shares(side: SideName, names: Sequence[str], shares: Sequence[Known]) -> dict[str, Any]:
    known = [(one.share or 0.0, one.low or 0.0, one.high or 0.0) for one in shares]
    above, below = [high - share for share, _, high in known], [share - low for share, low, _ in known]
    return {
        "type": "bar", "name": side, "x": names, "y": [one.share for one in shares],
        "marker": {"color": COLORS[side], "pattern": PATTERNS[side]},
        "error_y": {"type": "data", "color": "#7b8794", "thickness": 2, "array": above, "arrayminus": below},
        "text": [words.percent(one) for one in shares], "textposition": "inside", "insidetextanchor": "start",
        "textangle": 0, "insidetextfont": {"color": "#ffffff"},
    }  # fmt: skip


def precision_recall(facts: Comparison, score: str) -> Plot:
    """What a threshold on a score would give, on either side."""
    of = [one for one in facts.foresights if one.score == score]
    if not any(one.curve for one in of):
        return Plot(score, "The log ends too soon to say anything about this score.", None)
    traces = [
        {"type": "scatter", "mode": "lines", "name": one.side, "x": [at.recall for at in one.curve],
         "y": [at.precision for at in one.curve],
         "line": {"color": COLORS[one.side], "width": 2, "dash": "solid" if one.side == "A" else "dash"}}
        for one in of
    ]  # fmt: skip
    layout = {
        "xaxis": {"range": [0, 1.02], "tickformat": ".0%", "title": {"text": "share of all that is found (recall)"}},
        "yaxis": {"range": [0, 1.02], "tickformat": ".0%", "title": {"text": "share that is right (precision)"}},
    }
    said = f"That {of[0].says}: acting on scores above each threshold. Higher and further right is better."
    return Plot(score, said, _figure(traces, layout))


def leads(facts: Comparison) -> Plot:
    """From an intervention to what it foresaw: the median, and between what 8 of 10 are."""
    found = [
        (side.name, f"{side.name} {words.kind(one.kind)}, {what}", lead)
        for side in (facts.b, facts.a)
        for one in side.kinds[::-1]
        for what, lead in (("to the purchase", one.lead_to_purchase), ("to the abandonment", one.lead))
        if lead is not None
    ]
    if not found:
        return Plot("Lead time", "The log tells of nothing that an intervention foresaw.", None)
    traces: list[dict[str, Any]] = [
        {"type": "scatter", "mode": "lines+markers", "showlegend": False, "y": [label] * 3,
         "x": [max(one, LEAST_LEAD_MS) for one in (lead.p10_ms, lead.p50_ms, lead.p90_ms)],
         "text": [words.duration(one) for one in (lead.p10_ms, lead.p50_ms, lead.p90_ms)],
         "line": {"color": COLORS[name], "width": 3, "dash": "solid" if name == "A" else "dash"},
         "marker": {"size": [7, 13, 7], "color": COLORS[name]}, "hovertemplate": "%{text}<extra></extra>"}
        for name, label, lead in found
    ]  # fmt: skip
    said = "How long before the abandonment, or before a purchase within a day: the median, and where 8 of 10 are."
    ticks = {"tickvals": LEAD_TICKS_MS, "ticktext": [words.duration(one) for one in LEAD_TICKS_MS]}
    return Plot(
        "Lead time",
        said,
        _figure(
            traces, {"xaxis": {"type": "log", "tickangle": 0, "title": {"text": "time after it was sent"}, **ticks}}
        ),
    )


def fullest(facts: Comparison) -> Plot:
    """Shoppers by the most interventions that they had in one window."""
    most = sorted({count for side in (facts.a, facts.b) for count in side.caps.fullest})
    if not most:
        return Plot("Caps used", "Nobody was addressed.", None)
    shoppers = {side.name: [side.caps.fullest.get(count, 0) for count in most] for side in (facts.a, facts.b)}
    labels = [f"{count}" for count in most]
    said = "Shoppers by the most interventions that they had within one window of the cap."
    table = Table("Shoppers by their fullest window", ("interventions", "A", "B"),
                  [*zip(most, shoppers["A"], shoppers["B"], strict=True)])  # fmt: skip
    figure = _bars(labels, shoppers, "shoppers", {"xaxis": {"title": {"text": "interventions"}, "type": "category"}})
    return Plot("Caps used", said, figure, table=table)


def _bars(
    labels: Sequence[str],
    counts: Mapping[SideName, Sequence[int]],
    unit: str,
    layout: Mapping[str, Any] | None = None,
    *,
    lying: bool = False,
) -> "Figure":
    traces = list[dict[str, Any]]()
    for name, values in counts.items():
        places = {"orientation": "h", "y": labels, "x": values} if lying else {"x": labels, "y": values}
        marker = {"color": COLORS[name], "pattern": PATTERNS[name]}
        labelled = {"text": [f"{value:,}" for value in values], "textposition": "outside", "cliponaxis": False}
        traces.append({"type": "bar", "name": name, "marker": marker, **places, **labelled})
    most = max(value for values in counts.values() for value in values)
    room = {"range": [0, 1.15 * most or 1]}  # for the number at the end of the longest bar
    axes = {"xaxis" if lying else "yaxis": {"title": {"text": unit}, **room}}
    backwards = {"yaxis": {"autorange": "reversed"}} if lying else {}
    return _figure(traces, {"barmode": "group", **axes, **backwards, **(layout or {})})


def _figure(traces: Sequence[Mapping[str, Any]], layout: Mapping[str, Any]) -> "Figure":
    from plotly.graph_objects import Figure  # noqa: PLC0415  an extra

    return Figure(data=list(traces), layout=dict(layout))

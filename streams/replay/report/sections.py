"""From figures to the parts of the page: plots and tables with the words that explain them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from streams.replay.report import plots
from streams.replay.report.figures import Fate, Figures
from streams.replay.report.page import Plot, Section, Table, Tile, Timelines
from streams.replay.report.plots import span, words
from streams.replay.report.predictions import Prediction
from streams.replay.summary import Summary

_NO_CANDIDATE: Final = "There was no moment in which something might have been done."
_NOT_ONE: Final = "The log says of no decision what came of it: "
_WHY_UNKNOWN: Final = {
    "abandon_30m": "no cart was scored, or none of them came to an end before the log did.",
    "purchase_24h": "no decision was scored 24 h or more before the log ends.",
}


def overview(summary: Summary) -> Section:
    """What the run came to."""
    read, carts = summary.input, summary.carts
    modes = ", ".join(f"{count:,} by {mode.replace('_', ' ')}" for mode, count in summary.modes.items() if count)
    tiles = [
        Tile("events", f"{read.timeline:,}", f"{read.duplicates:,} repeats, {read.dead_letters:,} rows refused"),
        Tile("carts", f"{carts.episodes:,}", f"{carts.abandoned:,} abandoned, {carts.bought:,} bought"),
        Tile("purchases", f"{summary.purchases:,}"),
        Tile("decisions", f"{summary.scores:,}", modes),
        Tile("interventions sent", f"{sum(summary.interventions.values()):,}", _counted(summary.interventions)),
        Tile("held back", f"{sum(summary.suppressed.values()):,}", _counted(summary.suppressed)),
        Tile("taken back", f"{summary.retractions:,}", "the shopper bought after all"),
    ]
    tables = []
    if summary.bad_rows:
        rows = [[row] for row in summary.bad_rows]
        caption = f"Refused rows: {len(rows):,} of {read.dead_letters:,}"
        tables.append(Table(caption, ["where, and why"], rows, folded=True))
    return Section("summary", "Summary", tiles=tiles, tables=tables)


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{words(name)} {count:,}" for name, count in counts.items() if count)


def funnel(found: Figures) -> Section:
    """How far shoppers came, and candidates."""
    counts, fates = found.summary.funnel, found.fates
    steps = [
        [name, step, count, _share(count, of["came"])] for name, of in counts.items() for step, count in of.items()
    ]
    rows = [[words(fate.kind), words(fate.fate), fate.count, fate.taken_back] for fate in fates]
    sent = sum(fate.count for fate in fates if fate.fate == "sent")
    total = sum(fate.count for fate in fates)
    shown = [
        Plot(
            "Shoppers and sessions",
            "How many looked at products, put one into a cart, and bought, in whatever order. "
            "A session ends with 30 minutes of silence.",
            plots.funnel(counts) if counts else None,
            alt="Bars: " + "; ".join(f"{name}: {_counted(of)}" for name, of in counts.items()) + ".",
            table=Table("Shoppers and sessions", ["of", "step", "count", "share"], steps),
        ),
        Plot(
            "Candidates",
            f"Of {total:,} moments in which something might have been done, {sent:,} led to an intervention; "
            "the others were held back, for the first reason that was found."
            if total
            else _NO_CANDIDATE,
            plots.candidates(fates) if fates else None,
            alt="Bars: " + "; ".join(f"{kind} {fate} {count:,}" for kind, fate, count, _ in rows) + ".",
            table=Table("Candidates by what became of them", ["kind", "fate", "count", "taken back"], rows)
            if rows
            else None,
        ),
    ]
    return Section("funnel", "Funnel", plots=shown)


def _share(count: int, of: int) -> str:
    return f"{count / of:.1%}" if of else "-"


def predictions(found: Sequence[Prediction]) -> Section:
    """How good the scores were."""
    tiles = [
        Tile(words(one.score) + f": {name}", _rounded(value), note)
        for one in found
        if one.known
        for name, value, note in (
            ("average precision", one.average_precision, f"by chance {_rounded(one.base_rate)}"),
            ("ROC AUC", one.auc, "by chance 0.500"),
            ("Brier score", one.brier, "mean squared error; 0 is perfect"),
        )
    ]
    said = (
        "Scores after events, held against what the log says came of them: whether the open cart ran into its "
        "deadline, and whether the shopper bought within 24 h. Decisions about one shopper are not independent of each "
        "other, so intervals are a little too narrow. In the log nobody was addressed by this run."
    )
    shown = [plot for one in found for plot in _of_prediction(one)]
    return Section("predictions", "Predictions", said, tiles, shown)


def _rounded(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _of_prediction(one: Prediction) -> list[Plot]:
    name = words(one.score)
    if not one.known:
        return [Plot(name, _NOT_ONE + _WHY_UNKNOWN[one.score], None)]
    said = f"That {one.says}, in {one.known:,} decisions" + (
        f" ({one.unknown:,} more: not known)" if one.unknown else ""
    )
    rate = one.base_rate or 0.0
    shown = [
        Plot(f"Scores: {name}", f"{said}. It happened to {rate:.1%}.", plots.scores(one),
             alt=f"Histogram of the score {name}, by whether it happened.",
             table=Table(f"Scores: {name}", ["from", "to", "it happened", "it did not"],
                         [[bin_.low, bin_.high, bin_.happened, bin_.did_not] for bin_ in one.scores])),
        Plot(f"Calibration: {name}", "On the diagonal a score is a probability; the bars are 95 % intervals, and a "
             "larger dot stands for more decisions.", plots.calibration(one), alt=_calibration_words(one),
             table=Table(f"Calibration: {name}", ["predicted", "happened", "from", "to", "decisions"],
                         [[b.predicted, b.happened, b.low, b.high, b.count] for b in one.calibration])),
    ]  # fmt: skip
    if one.average_precision is not None:
        shown.append(_precision_recall(one, name))
    return shown


def _calibration_words(one: Prediction) -> str:
    found = "; ".join(f"predicted {bin_.predicted:.2f}, happened {bin_.happened:.2f}" for bin_ in one.calibration)
    return f"Calibration of {words(one.score)}: {found}."


def _precision_recall(one: Prediction, name: str) -> Plot:
    points = one.curve[:: max(1, len(one.curve) // 25)]
    return Plot(
        f"Precision and recall: {name}",
        "Acting on all scores above a threshold, from the highest on the left to all of them on the right.",
        plots.curve(one),
        alt=f"Precision against recall of {name}: average precision {one.average_precision:.3f}.",
        table=Table(
            f"Precision and recall: {name}",
            ["threshold", "precision", "recall"],
            [[point.threshold, point.precision, point.recall] for point in points],
        ),
    )


def interventions(found: Figures) -> Section:
    """When something was sent, what came of it, and why."""
    if not found.fates:
        return Section("interventions", "Interventions", _NO_CANDIDATE)
    shown = [
        Plot(
            "Over time",
            f"Sent by kind, and held back, in steps of {span(found.step_ms)}.",
            plots.over_time(found.over_time, found.step_ms),
            alt="Bars over time: interventions by kind.",
            wide=True,
        )
    ]
    if any(feature.push for feature in found.features):
        shown.append(
            Plot(
                "Top reasons",
                "How much each feature pushed the decisions, on average, up or down.",
                plots.pushes(found.features),
                alt="Bars: the mean size of the contribution of each feature.",
            )
        )
    return Section(
        "interventions",
        "Interventions",
        "What came of those who were addressed, and of those who were not, as the log has it: a difference between "
        "them is no effect, for they were not chosen by chance.",
        plots=shown,
        tables=[_fates(found.fates), _features(found)],
    )


def _fates(fates: Sequence[Fate]) -> Table:
    rows = [
        [
            words(fate.kind), words(fate.fate), fate.count, fate.taken_back, _percent(fate.carts_abandoned),
            fate.carts_known, _percent(fate.bought_24h), fate.bought_known,
            "-" if fate.to_purchase_s is None else _minutes(fate.to_purchase_s),
        ]
        for fate in fates
    ]  # fmt: skip
    head = ["kind", "fate", "count", "taken back", "cart abandoned", "of known", "bought in 24 h", "of known",
            "time to purchase (median)"]  # fmt: skip
    return Table("What came of candidates", head, rows)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds < 7_200 else f"{seconds / 3_600:.1f} h"


def _features(found: Figures) -> Table:
    pushes = any(one.push for one in found.features)
    rows = [
        [words(one.kind), _unit(one.feature), one.median_sent, one.median_held_back, *([one.push] if pushes else [])]
        for one in found.features
    ]
    head = ["kind", "feature", "median where sent", "median where held back", *(["contribution"] if pushes else [])]
    return Table("Top reasons: what was known in these moments", head, rows)


def _unit(feature: str) -> str:
    """The name of a feature with its unit: `cart_age_s` is in seconds, values in minor units of their currency."""
    name, _, unit = feature.rpartition("_")
    if unit == "value":
        return f"{words(feature)} (minor units)"
    return f"{words(name)} ({unit})" if unit == "s" else words(feature)


def stories(sampled: int, shown: Sequence[Mapping[str, Any]]) -> Section:
    """Shoppers to click through."""
    said = (
        f"{len(shown):,} shoppers of a sample of {sampled:,}, drawn by chance: some of each kind of story, as far as "
        "there are any, with at most 200 events of each. Choose one; the arrow keys and the buttons go on to the next."
    )
    return Section("shoppers", "Shoppers", timelines=Timelines(said, list(shown)))

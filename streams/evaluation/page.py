"""An evaluation as one HTML page, and as a table for a terminal."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from rich import table as terminal

from inference.judge.contenders import MODEL
from inference.judge.draws import Interval
from inference.judge.figures import Contender
from inference.judge.judgement import Judgement
from streams.evaluation import plots
from streams.evaluation.evaluation import Evaluation
from streams.replay.report.page import Page, Plot, Section, Table, Tile, html
from streams.replay.report.plots import words

_NAMES: Final = {"pr_auc": "PR-AUC", "roc_auc": "ROC-AUC", "ece": "ECE", "f1": "F1", "precision": "precision",
                 "recall": "recall", "lift_10": "lift of the top 10 %", "accuracy": "accuracy",
                 "log_loss": "log loss"}  # fmt: skip
_BESIDE: Final = "Beside the model stands what any model must beat"


def page(found: Evaluation) -> str:
    """The page: the same evaluation, the same text. Errors: a line of click where an extra is missing."""
    judged = [told for told in found.heads if told.contenders]
    sections = [_overview(found, judged), *map(_head, judged), *_choices(found), *_unjudged(found)]
    return html(Page(f"Evaluation of {found.model}", _lead(found), sections, found.warnings))


def _lead(found: Evaluation) -> str:
    test = found.examples.parts["test"]
    first, last = (f"{datetime.fromtimestamp(ms / 1_000, UTC):%Y-%m-%d %H:%M}" for ms in (test.from_ms, test.to_ms))
    return (
        f"Judged on the test part of {found.examples.source}: {test.examples:,} examples of {test.shoppers:,} shoppers"
        f", {first} to {last} UTC, later than all that was learned from. In brackets: intervals of {found.intervals}."
    )


def _overview(found: Evaluation, judged: Sequence[Judgement]) -> Section:
    tiles = [
        Tile(f"{words(told.head)}: PR-AUC", f"{one.figures['pr_auc'].value:.3f}",
             f"{_range(one.figures['pr_auc'])}; by chance {told.base_rate:.3f}")
        for told in judged
        for one in told.contenders
        if one.name == MODEL and "pr_auc" in one.figures
    ]  # fmt: skip
    said = (
        f"{_BESIDE}, trained on the training part of the same examples: a rule that looks at the last event "
        "only, logistic regression and boosted trees over the same history as a table; and as the optimum, where a "
        "simulator knows them, the exact probabilities: no model can do better but by chance."
    )
    drawn = [
        Plot("Who is ahead", "The difference in PR-AUC, of the same shoppers drawn again. Where an interval holds zero,"
             " the test part cannot tell who is better.", plots.ahead(judged),
             alt="Dots with intervals: PR-AUC of the model less that of each other, by head.", wide=True,
             table=_ahead(judged)),
    ]  # fmt: skip
    return Section("overview", "Overview", said, tiles, drawn if judged else ())


def _ahead(judged: Sequence[Judgement]) -> Table:
    rows = [
        (words(told.head), one.name, *(_figure(one.ahead, name) for name in ("pr_auc", "roc_auc")))
        for told in judged
        for one in told.contenders
        if one.ahead is not None
    ]
    return Table("The model less each other", ("head", "other", "PR-AUC", "ROC-AUC"), rows)


def _head(told: Judgement) -> Section:
    model = next(one for one in told.contenders if one.name == MODEL)
    name = words(told.head)
    said = (
        f"{told.examples:,} examples of {told.shoppers:,} shoppers with a known answer; it came true in "
        f"{told.base_rate:.1%}. Thresholds have the best F1 on validation; the model's is {model.threshold:.3f} "
        f"(chosen on {model.chosen_on})."
    )
    tiles = [Tile(_NAMES[key], f"{one.value:.3f}", _range(one)) for key, one in model.figures.items()]
    return Section(
        told.head, name, said, tiles, [*_curves(told, model), *_by_segment(told)], [_contenders(told), _cells(told)]
    )


def _curves(told: Judgement, model: Contender) -> list[Plot]:
    name = words(told.head)
    return [
        Plot("Precision and recall", "Acting on all above a threshold, from the most probable on the left.",
             plots.precision_recall(told), alt=f"Precision against recall of {name}, by contender."),
        Plot("ROC", "How many of those to whom it happened are found, at the price of how many others.",
             plots.roc(told), alt=f"ROC curves of {name}, by contender."),
        Plot("Calibration", "On the diagonal a probability means what it says; larger dots stand for more examples.",
             plots.calibration(told), alt=f"Predicted against happened of {name}, by contender.", table=_bins(model)),
        Plot("Lift", "How much more often it came true among the most probable than on average.",
             plots.lift(told), alt=f"Lift of {name} by share of the examples.",
             table=Table("Lift", ("share", *(one.name for one in told.contenders)),
                         [(f"{share:.0%}", *(one.curves.lift[nth][1] for one in told.contenders))
                          for nth, (share, _) in enumerate(model.curves.lift)])),
        Plot("Probabilities", "How the model's probabilities are spread, by what came, and the threshold.",
             plots.spread(model), alt=f"Histogram of the model's probabilities of {name}."),
        Plot("Confusion matrix", f"At the model's threshold of {model.threshold:.3f}; shares are of a row.",
             plots.confusion(model), alt=f"Confusion matrix of {name}: {_confusion_words(model)}."),
    ]  # fmt: skip


def _confusion_words(model: Contender) -> str:
    found = model.confusion
    return (
        f"{found.true_positives:,} true positives, {found.false_positives:,} false positives, "
        f"{found.false_negatives:,} false negatives, {found.true_negatives:,} true negatives"
    )


def _bins(model: Contender) -> Table:
    rows = [(one.predicted, one.happened, one.count) for one in model.curves.calibration]
    return Table("Calibration of the model", ("predicted", "happened", "examples"), rows)


def _by_segment(told: Judgement) -> list[Plot]:
    shown = [one for one in told.segments if "pr_auc" in one.figures]
    if not shown:
        return []
    return [
        Plot(f"{name} by segment", said, plots.segments(told, figure, name),
             alt=f"Dots with intervals: {name} of the model by segment.")
        for figure, name, said in (
            ("pr_auc", "PR-AUC", "Among examples of a kind; dashed: all of them. The more often a thing happens there, "
             "the larger it is by chance alone."),
            ("roc_auc", "ROC-AUC", "How well the model orders examples of a kind, however often a thing happens there; "
             "dashed: all of them."),
            ("ece", "ECE", "How far its probabilities are from what came, for examples of a kind. Chance alone makes "
             "it larger where there are few."),
        )
    ]  # fmt: skip


def _contenders(told: Judgement) -> Table:
    keys = list(told.contenders[0].figures)
    rows = [(one.name, f"{one.threshold:.3f}", *(_figure(one.figures, key) for key in keys)) for one in told.contenders]
    return Table(f"{words(told.head)}: everybody", ("who", "threshold", *(_NAMES[key] for key in keys)), rows)


def _cells(told: Judgement) -> Table:
    keys = ("pr_auc", "roc_auc", "lift_10", "ece")
    rows = [
        (one.by, one.value, one.examples, f"{one.base_rate:.1%}", *(_figure(one.figures, key) for key in keys))
        for one in told.segments
    ]
    head = ("by", "segment", "examples", "came true", *(_NAMES[key] for key in keys))
    return Table(f"{words(told.head)}: the model by segment", head, rows, folded=True)


def _choices(found: Evaluation) -> list[Section]:
    tables = [
        Table(f"{words(told.head)}: {told.examples:,} examples",
              ("who", *(_NAMES[key] for key in next(iter(told.choices.values())))),
              [(name, *(_figure(one, key) for key in one)) for name, one in told.choices.items()])
        for told in found.heads
        if told.choices
    ]  # fmt: skip
    said = "Heads that choose among several answers: how often the likeliest came, and how surprising what came was."
    return [Section("choices", "Choices", said, tables=tables)] if tables else []


def _unjudged(found: Evaluation) -> list[Section]:
    rows = [(words(told.head), told.unjudged) for told in found.heads if told.unjudged]
    if not rows:
        return []
    return [
        Section(
            "unjudged", "Not judged", tables=[Table("Heads about which this log says nothing", ("head", "why"), rows)]
        )
    ]


def _figure(figures: Mapping[str, Interval] | None, name: str) -> str:
    one = (figures or {}).get(name)
    return "-" if one is None else f"{one.value:.3f} {_range(one)}"


def _range(one: Interval) -> str:
    return "[too few]" if one.low is None or one.high is None else f"[{one.low:.3f}, {one.high:.3f}]"


def shown(found: Evaluation) -> terminal.Table:
    """The model and the others on each head, for a terminal."""
    table = terminal.Table("head", "who", "PR-AUC", "ROC-AUC", "F1", "ECE", title="on the test part")
    for column in table.columns:
        column.no_wrap = True
    for told in found.heads:
        for one in told.contenders:
            others = (f"{one.figures[key].value:.3f}" for key in ("roc_auc", "f1", "ece"))
            cells = (_figure(one.figures, "pr_auc"), *others)
            table.add_row(
                told.head if one.name == MODEL else "", one.name, *cells, end_section=one is told.contenders[-1]
            )
        for name, figures in told.choices.items():
            said = f"accuracy {figures['accuracy'].value:.3f}"
            table.add_row(told.head if name == MODEL else "", name, said, "", "", f"{figures['ece'].value:.3f}")
        if told.unjudged:
            table.add_row(told.head, "", "not judged")
    return table

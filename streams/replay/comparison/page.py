"""A comparison as one HTML page."""

from collections.abc import Iterable

from streams.replay.comparison import plots, words
from streams.replay.comparison.facts import Act, Comparison, Example, Known
from streams.replay.report.page import Page, Pair, Panel, Section, Table, Tile, html
from streams.replay.report.predictions import HEADS


def page(facts: Comparison) -> str:
    """The page of a comparison: the same facts, the same text. Errors: a line of click where an extra is missing."""
    foresight = (_foresight(facts),) if facts.foresights else ()
    happened = (_happened(facts), *foresight, _limits(facts))
    sections = (_changed(facts), _glance(facts), _who(facts), *happened, _examples(facts))
    lead = f"{facts.a.label} (A) beside {facts.b.label} (B) on {facts.log} ({facts.format}). {words.summary(facts)}"
    return html(Page("Comparison of two ways to decide", lead, sections, tuple(_warnings(facts))))


def _warnings(facts: Comparison) -> Iterable[str]:
    """What must be known before anything is believed."""
    unknown = sum(one.sent - one.bought_24h.known for side in (facts.a, facts.b) for one in side.kinds)
    sent = facts.a.sent + facts.b.sent
    if unknown:
        yield (
            f"For {unknown:,} of {sent:,} interventions the log ends less than a day later: whether these shoppers "
            "bought within a day is not known, and they are left out of the shares."
        )


def _changed(facts: Comparison) -> Section:
    rows = [(one.what, words.value(one.a), words.value(one.b)) for one in facts.changed]
    if not rows:
        return Section("changed", "What differs", "Nothing: the sides have the same settings.")
    table = Table("Settings in which the sides differ", ("", f"A: {facts.a.label}", f"B: {facts.b.label}"), rows)
    return Section("changed", "What differs", tables=(table,))


def _glance(facts: Comparison) -> Section:
    a, b, carts, shoppers = facts.a, facts.b, facts.carts, facts.shoppers
    tiles = (
        Tile("A sends", f"{a.sent:,}", f"to {a.caps.shoppers:,} shoppers"),
        Tile("B sends", f"{b.sent:,}", f"to {b.caps.shoppers:,} shoppers{_change(a.sent, b.sent)}"),
        Tile("Carts by A alone", f"{carts.only_a:,}", f"{shoppers.only_a:,} shoppers get one from A alone"),
        Tile("Carts by B alone", f"{carts.only_b:,}", f"{shoppers.only_b:,} shoppers get one from B alone"),
        Tile("Carts by both", f"{carts.both:,}", f"{carts.same or 0:,} of them at the same moment"),
    )
    drawn = (plots.sent_by_kind(facts), plots.sent_over_time(facts))
    return Section("glance", "At a glance", "", tiles, drawn)


def _change(before: int, after: int) -> str:
    return f"; {(after - before) / before * 100:+.1f} %" if before and after != before else ""


def _who(facts: Comparison) -> Section:
    head = ("carts", "shoppers", "A sends", "B sends", "why the other side was silent", "right", "bought within a day")
    rows = [
        (one.carts, one.shoppers, words.kind(one.a_kind), words.kind(one.b_kind), words.why(one),
         words.share(one.right), words.bought(one))
        for one in facts.differing
    ]  # fmt: skip
    said = (
        "A side addresses a cart once. Where the sides differ about a cart, one of them sent first: the reason is why "
        "the other one was silent at that very moment, and right is whether what was sent first was right."
    )
    tables = (Table("Carts about which the sides differ", head, rows),) if rows else ()
    return Section("who", "Who gets one, and why not", said, plots=(plots.reasons(facts),), tables=tables)


def _happened(facts: Comparison) -> Section:
    said = (
        "The log knows what shoppers did, whatever a side would have sent. A nudge was right if the shopper did not "
        "buy within a day without it; a warning was right if the cart was abandoned. Where the recorded shop itself "
        "sent interventions, their effect is in the log."
    )
    tiles = tuple(_tile(name, left, right) for name, left, right in _shares(facts))
    return Section(
        "happened", "What really happened", said, tiles, (plots.right(facts), plots.leads(facts)), tuple(_tables(facts))
    )


def _tables(facts: Comparison) -> Iterable[Table]:
    for a, b in zip(facts.a.kinds, facts.b.kinds, strict=True):
        left, right = words.of_kind(a), words.of_kind(b)
        yield Table(
            f"{words.kind(a.kind)}, line by line", ("", "A", "B"), [(one, left[one], right[one]) for one in left]
        )


def _shares(facts: Comparison) -> Iterable[tuple[str, Known, Known]]:
    for left, right in zip(facts.a.kinds, facts.b.kinds, strict=True):
        yield f"{words.kind(left.kind)}: {words.RIGHT[left.kind]}", left.right, right.right
    yield "abandoned carts that were addressed", facts.a.abandoned, facts.b.abandoned


def _tile(name: str, a: Known, b: Known) -> Tile:
    value = f"{words.percent(a)} | {words.percent(b)}" if a.known or b.known else "unknown"
    return Tile(name, value, f"A of {a.known:,} | B of {b.known:,}")


def _foresight(facts: Comparison) -> Section:
    said = "Of all decisions after an event whose end the log tells, sent or not: what the scores said, and what came."
    drawn = [plots.precision_recall(facts, head.score) for head in HEADS]
    table = Table("Scores against what happened", words.FORESIGHTS, [words.foresight(one) for one in facts.foresights])
    return Section("foresight", "How well the scores foresaw it", said, plots=drawn, tables=(table,))


def _limits(facts: Comparison) -> Section:
    sides = (facts.a.caps, facts.b.caps)
    rows = [
        ("at most, to a shopper", *(f"{one.per_shopper:,} in {words.duration(one.window_s * 1_000)}" for one in sides)),
        ("shoppers who reached it", *(f"{one.shoppers_at_cap:,} of {one.shoppers:,}" for one in sides)),
        ("held back by it", *(f"{one.held_back:,}, from {one.shoppers_held_back:,} shoppers" for one in sides)),
        ("most on one day (UTC)", *(f"{one.most_a_day:,}, in {one.days:,} days" for one in sides)),
        ("sent and taken back", *(f"{one.sent:,} and {one.retracted:,}" for one in (facts.a, facts.b))),
    ]
    said = "What a shopper gets at most, and what a channel has to carry at most: the budget that a side uses."
    table = Table("Caps and budget", ("", "A", "B"), rows)
    return Section(
        "limits", "Caps and budget", said, plots=(plots.fullest(facts), plots.held_back(facts)), tables=(table,)
    )


def _examples(facts: Comparison) -> Section:
    if not facts.examples:
        return Section("examples", "Examples side by side", "The sides do not differ about any cart.")
    said = "Some carts of each reason, the same ones each time: what either side did, and what came of it."
    return Section("examples", "Examples side by side", said, pairs=tuple(map(_pair, facts.examples)))


def _pair(one: Example) -> Pair:
    products = ", ".join(f"{line.quantity} x {line.name}" for line in one.products)
    return Pair(
        title=f"{one.user_id}: {words.worth(one)}",
        note=f"{words.DIFFERENCES[one.difference]}: {products}",
        left=_panel("A", one.a, one),
        right=_panel("B", one.b, one),
        foot=f"What really happened: {words.followed(one)}.",
    )


def _panel(name: str, act: Act, one: Example) -> Panel:
    scores = [
        f"{what}: {score:.3f}"
        for what, score in (("abandons", act.abandon_30m), ("buys within a day", act.purchase_24h))
        if score is not None
    ]
    head = f"{name} sends {words.kind(act.kind)}" if act.sent else f"{name} sends nothing"
    why = () if act.sent else (words.why(one),)
    lines = (*why, words.moment(act.at_ms), *(scores or ["no score"]))
    return Panel(head, "sent" if act.sent else "held_back", lines)

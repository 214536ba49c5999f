"""A comparison on the terminal, as tables."""

from collections.abc import Iterator
from io import StringIO

from rich.console import Console, RenderableType
from rich.table import Table

from streams.replay.comparison import words
from streams.replay.comparison.facts import Comparison, Differing

WIDTH = 120
"""Of what is written anywhere but to a terminal."""
SHOWN = 6
"""So many examples are shown here; the page and the JSON have all."""


def printed(facts: Comparison, console: Console) -> None:
    """Print it all. The console should take no markup: names come from the log and from files."""
    for one in _parts(facts):
        console.print(one)


def text(facts: Comparison) -> str:
    """The same as plain text, always the same for the same facts."""
    file = StringIO()
    printed(facts, Console(file=file, width=WIDTH, markup=False, emoji=False, highlight=False))
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines())


def _parts(facts: Comparison) -> Iterator[RenderableType]:
    yield f"{facts.log} ({facts.format})"
    yield words.summary(facts)
    yield _changed(facts)
    yield _sides(facts)
    if facts.foresights:
        yield _foresights(facts)
    if facts.differing:
        yield _differing(facts)
        yield _examples(facts)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0), title_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _changed(facts: Comparison) -> Table:
    table = _table("\nwhat differs", "", f"A: {facts.a.label}", f"B: {facts.b.label}")
    for one in facts.changed:
        table.add_row(one.what, words.value(one.a), words.value(one.b))
    if not facts.changed:
        table.add_row("nothing: the sides are the same")
    return table


def _sides(facts: Comparison) -> Table:
    table = _table("\nwhat comes of it", "", "A", "B")
    a, b = words.rows(facts.a), words.rows(facts.b)
    for name in a:
        table.add_row(name, a[name], b[name])
    return table


def _foresights(facts: Comparison) -> Table:
    table = _table("\nhow well the scores foresaw what happened", *words.FORESIGHTS)
    for one in facts.foresights:
        table.add_row(*words.foresight(one))
    return table


def _differing(facts: Comparison) -> Table:
    columns = "carts", "shoppers", "A", "B", "why the other was silent", "right", "bought anyway"
    table = _table("\nwho gets one under one side, not (or not so) under the other, and why", *columns)
    for one in facts.differing:
        table.add_row(*_row(one))
    return table


def _row(one: Differing) -> tuple[str, ...]:
    sends = words.kind(one.a_kind), words.kind(one.b_kind)
    judged = words.share(one.right), words.bought(one)
    return f"{one.carts:,}", f"{one.shoppers:,}", *sends, words.why(one), *judged


def _examples(facts: Comparison) -> Table:
    shown = facts.examples[:SHOWN]
    columns = "shopper", "cart", "when", "A", "B", "what really happened"
    table = _table(f"\n{len(shown)} of {len(facts.examples)} examples", *columns)
    for one in shown:
        told = words.moment(one.at_ms), words.act(one.a), words.act(one.b), words.followed(one)
        table.add_row(one.user_id, words.worth(one), *told)
    return table

"""One self-contained HTML page of words, tables and plots: nothing is fetched when it is opened.

All text is escaped, whoever wrote it; data for scripts stands in the page as JSON. A policy in the page (CSP) lets only
its own scripts run and nothing connect, so that a product's name cannot do either.
"""

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_HERE: Final = Path(__file__).parent
_NUMBER: Final = re.compile(r"-|-?[\d,]+(\.\d+)?( ?(%|min|h|s))?")


class Table(NamedTuple):
    """Rows below a head, numbers to the right; `caption` says what the table holds. `folded`: seen when asked for."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[object]]
    folded: bool = False


class Tile(NamedTuple):
    """A figure that is seen at once: what it is, how much, and a few words on it."""

    label: str
    value: str
    note: str = ""


class Plot(NamedTuple):
    """A plot. `words` say what is to be seen, or where `figure` is None, why nothing is. `alt` is for who cannot see.

    `table` holds the numbers that are drawn. `wide` takes the whole width of the page, `tall` has room for 32 bars.
    """

    title: str
    words: str
    figure: "Figure | None"
    alt: str = ""
    table: Table | None = None
    wide: bool = False
    tall: bool = False


class Timelines(NamedTuple):
    """Shoppers to choose from, each with rows in the order of time. `words` say which shoppers these are.

    A shopper is {"name", "note", "rows"}; a row is {"at_ms", "kind", "what", "detail", "abandon_30m", "purchase_24h"},
    where `kind` is event, decision, sent, held_back or taken_back.
    """

    words: str
    shoppers: Sequence[Mapping[str, Any]]


class Panel(NamedTuple):
    """One side of a pair. `kind` is that of a timeline's row, which gives the head its colour."""

    head: str
    kind: str
    lines: Sequence[str]


class Pair(NamedTuple):
    """One thing seen from two sides, which stand side by side between a `note` and a `foot`."""

    title: str
    note: str
    left: Panel
    right: Panel
    foot: str


class Section(NamedTuple):
    """A part of the page below a heading. `id` is the anchor."""

    id: str
    title: str
    words: str = ""
    tiles: Sequence[Tile] = ()
    plots: Sequence[Plot] = ()
    tables: Sequence[Table] = ()
    timelines: Timelines | None = None
    pairs: Sequence[Pair] = ()


class Page(NamedTuple):
    """`lead` is a sentence below the title; `warnings` are what must be known before anything is believed."""

    title: str
    lead: str
    sections: Sequence[Section]
    warnings: Sequence[str] = ()


def html(page: Page) -> str:
    """The page. The same page is the same text. Errors: a line of click where an extra is missing."""
    try:
        import jinja2  # noqa: PLC0415  an extra
        import plotly.offline  # noqa: PLC0415  an extra
    except ImportError as error:
        raise click.ClickException(f"a report needs {error.name}: pip install -e '.[replay]'") from None
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["cell"] = cell
    environment.filters["numeric_columns"] = numeric_columns
    scripts = [plotly.offline.get_plotlyjs(), _file("page.js")]
    return environment.get_template("page.html.jinja").render(
        page=page,
        data=_data(page),
        style=_file("page.css"),
        scripts=scripts,
        hashes=[_hash(script) for script in scripts],
    )


def _data(page: Page) -> dict[str, Any]:
    """What the page's script draws: plots and timelines by the id of their place."""
    plots, timelines = dict[str, Any](), dict[str, Any]()
    for section in page.sections:
        for nth, plot in enumerate(section.plots):
            if plot.figure is not None:
                drawn = plot.figure.to_plotly_json()
                drawn["layout"].pop("template", None)  # page.js says what plots look like
                plots[f"{section.id}-{nth}"] = drawn
        if section.timelines is not None:
            timelines[section.id] = list(section.timelines.shoppers)
    return {"plots": plots, "timelines": timelines}


def cell(value: object) -> str:
    """A value as it stands in a table.

    >>> cell(12345), cell(1234.56), cell(0.123456), cell(None), cell("mug")
    ('12,345', '1,235', '0.123', '-', 'mug')
    """
    if value is None:
        return "-"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3f}"


def numeric_columns(table: Table) -> list[bool]:
    """Which columns are set to the right: those that hold numbers and nothing else, with or without a unit.

    >>> numeric_columns(Table("", ("kind", "sent", "share"), [("mug", 3, "86.9%"), ("ufo", 1, None)]))
    [False, True, True]
    """
    columns = zip(*table.rows, strict=True) if table.rows else ((),) * len(table.head)
    return [bool(column) and all(_NUMBER.fullmatch(cell(value)) for value in column) for column in columns]


@lru_cache
def _file(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    return b64encode(sha256(script.encode()).digest()).decode()

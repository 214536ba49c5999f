"""`kairos explain`: why a model gives a shopper this score."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.table import Column, Table

from inference.trained import CHECKPOINT_FILE
from streams.commands.train import torch_is_missing
from streams.replay.explained import Explained, Question, explained
from streams.replay.report.report import require_page, write_report
from streams.replay.shopper_requests import choose, requests


@click.command()
@click.argument("trained", metavar="MODEL", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("log", metavar="LOG", type=click.Path(exists=True, path_type=Path))
@click.option("--shopper", required=True, help="Whose score: the Kafka key, which is the user id, else the anonymous.")
@click.option("--at", type=click.DateTime(["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d"]),
              help="The last score until then, UTC.  [default: the last of all]")  # fmt: skip
@click.option("--head", default="abandon_30m", show_default=True, help="Which probability.")
@click.option("--report", "page_file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Write a page (.html) that shows it.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object, and nothing else.")
def explain(trained: Path, log: Path, page_file: Path | None, as_json: bool, **question: Any) -> None:
    """Explain a score: how much each event of a shopper, and each number, moved it.

    MODEL is what `kairos train` left. LOG is a recorded log, a folder of `kairos simulate`, or one of
    `kairos examples`, which holds hashes of shoppers and products, and so names no product. Contributions are
    integrated gradients: together they are the whole difference between the score and that of a mean shopper of whose
    events nothing is known.
    """
    require_page(page_file)
    try:
        found, architecture = _explained(trained, log, **question)
    except (ValueError, OSError) as error:
        raise click.ClickException(str(error)) from None
    if page_file is not None:
        from streams.replay.report.explanation import page  # noqa: PLC0415 an extra

        write_report(page_file, page(found, f"the {architecture} in {trained}"))
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    _print(found)
    if page_file is not None:
        click.echo(f"{page_file}: open it in a browser")


def _explained(trained: Path, log: Path, shopper: str, at: datetime | None, head: str) -> tuple[Explained, str]:
    try:
        from inference.checkpoint import load_checkpoint  # noqa: PLC0415 torch takes seconds, and may be missing
        from inference.explain import explain as why  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise torch_is_missing(error) from None
    checkpoint = load_checkpoint(trained / CHECKPOINT_FILE)
    until = at.replace(tzinfo=UTC) if at else None
    with Console(stderr=True).status("reading the log"):
        asked = choose(requests(log, shopper), until, with_cart=head == "abandon_30m")
    return explained(Question(shopper, asked), why(checkpoint.model, asked.request, head)), checkpoint.architecture


def _print(found: Explained) -> None:
    console = Console()
    happened = Table(
        Column("time (UTC)", no_wrap=True),
        Column("event", no_wrap=True),
        "product",
        _number("price"),
        _number("contribution"),
    )
    for one in found.events:
        price = f"{one.price:,}" if one.price else "-"
        happened.add_row(one.at[:19].replace("T", " "), one.event, one.product or "-", price, _push(one.contribution))
    known = Table("number", _number("value"), _number("contribution"))
    for number in found.context:
        known.add_row(number.feature, f"{number.value:,.1f}", _push(number.contribution))
    click.echo(f"{found.head} of {found.shopper} at {found.at}: {found.score:.4f}, from {found.start:.4f} at the start")
    console.print(happened)
    console.print(known)


def _number(name: str) -> Column:
    return Column(name, justify="right", no_wrap=True)


def _push(contribution: float) -> str:
    return f"{contribution:+.4f}"

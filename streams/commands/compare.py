"""`kairos compare`: two policies, models or ways of scoring on one log."""

from pathlib import Path

import click
import msgspec
from rich.console import Console

from streams.commands.log_options import log_options
from streams.commands.replay_bar import shown
from streams.commands.settings import current
from streams.quiet import quiet
from streams.replay.comparison.compared import Compared, compared
from streams.replay.comparison.sides import Choices, sides
from streams.replay.comparison.table import WIDTH, printed
from streams.replay.engine import Engine
from streams.replay.plan import Options
from streams.replay.report.report import PAGE, report_json, require_report, write_report
from streams.replay.scorers import By


@click.command()
@click.option("--policy", "policies", multiple=True, type=click.Path(path_type=Path),
              help="A policy file: twice, for A and for B, or once for both.  [default: KAIROS_POLICY]")  # fmt: skip
@click.option("--model", "models", multiple=True, type=click.Path(path_type=Path), metavar="DIR",
              help="A model's folder in a repository (its newest version), or that of one of its versions: twice, or "
              "once for both.  [default: KAIROS_MODEL]")  # fmt: skip
@click.option("--scores", multiple=True, type=click.Choice(["model", "rules", "recorded"]),
              help="Where scores come from: twice, or once for both.  [default: model; rules where KAIROS_MODEL is "
              "empty]")  # fmt: skip
@click.option("--report", "reports", type=click.Path(dir_okay=False, path_type=Path), multiple=True, metavar="FILE",
              help="Write a report: a page (.html), or its figures (.json). May be given twice.")  # fmt: skip
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="A new folder that keeps both replays.")
@log_options
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout, and nothing else.")
def compare(  # noqa: PLR0913  # one parameter for each option
    *,
    log: str,
    policies: tuple[Path, ...],
    models: tuple[Path, ...],
    scores: tuple[By, ...],
    reports: tuple[Path, ...],
    out: Path | None,
    format_name: str | None,
    processes: int | None,
    engine: Engine,
    in_memory: int,
    start: str | None,
    end: str | None,
    currency: str,
    as_json: bool,
) -> None:
    """Run LOG through the live decision path twice, and tell what differs: who gets an intervention under A and not
    under B, why, and what really happened then.

    LOG is what `kairos replay` takes. Give --policy, --model or --scores twice: the first is A, the second is B. The
    same log, policies and models give the same bytes, whatever the number of processes.
    """
    options = Options(
        format_name, None, None, processes, out, False, start, end, currency, engine, in_memory,
    )  # fmt: skip
    quiet()
    require_report(reports)
    try:
        both = sides(log, Choices(policies, models, scores), options, current())
        with shown() as phase:
            found = compared(both, phase)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    for path in reports:
        write_report(path, found.html() if path.suffix == PAGE else report_json(found.facts))
    _tell(found, as_json=as_json)


def _tell(found: Compared, *, as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode(found.facts))
        return
    console = Console(markup=False, emoji=False, highlight=False)
    if not console.is_terminal:
        console.width = WIDTH
    printed(found.facts, console)

"""`kairos examples`: from a recorded log to labelled examples, and what the log is worth."""

from pathlib import Path

import click
import msgspec
from rich.console import Console

from inference.dataset import EXAMPLES_FILE, write_examples
from inference.enough import check
from streams.commands.example_source import Judged
from streams.replay.data_quality import QUALITY_FILE, shown


@click.command()
@click.argument("log", type=click.Path(exists=True, path_type=Path))
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="A folder for them.")
@click.option("--gap-hours", type=click.FloatRange(0), default=6.0, show_default=True, help="Left out at each cut.")
@click.option("--force", is_flag=True, help="Write them although they are too thin to train on.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, the report on the data, and nothing else.")
def examples(log: Path, out: Path, gap_hours: float, force: bool, as_json: bool) -> None:
    """Make labelled examples from LOG: recorded events as `kairos produce` reads them, or what `kairos simulate` left.

    The log runs through the live pipeline in the order of event time, so an example is what a model will be asked, and
    its labels are what came of it. They are cut by time: 70 % for training, 15 % for validation, 15 % for the test.

    It ends with a report on the data: what was refused and why, repeats, bots, events that came late or from the
    future, labels of each head. Too thin to train on: it exits with 1, and writes nothing. `kairos train OUT` is next.
    """
    console = Console(stderr=True)
    try:
        made = Judged(log, gap_hours, console)
        report = msgspec.json.encode(made.quality)
        if as_json:
            click.echo(report)
        else:
            Console().print(shown(made.quality))
        check(made.quality.parts, force=force)
        out.mkdir(parents=True, exist_ok=True)
        write_examples(out / EXAMPLES_FILE, made.examples)
        (out / QUALITY_FILE).write_bytes(msgspec.json.format(report, indent=2) + b"\n")
    except (ValueError, OSError) as error:
        raise click.ClickException(str(error)) from None
    if not as_json:
        click.echo(f"{out / EXAMPLES_FILE}: {len(made.examples):,} examples; next: kairos train {out} --out model")

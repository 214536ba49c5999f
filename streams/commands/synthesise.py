"""`kairos synthesise`: from a log to examples like its own that nobody lived, to train on."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec
from rich.console import Console
from rich.table import Table

from inference.dataset import EXAMPLES_FILE, Examples, split, write_examples
from inference.heads import HOUR_MS
from inference.marginals import beside
from inference.trained import REPORT_FILE
from streams.commands.example_source import examples_of
from streams.commands.train import device_of, progress_bar, torch_is_missing

if TYPE_CHECKING:
    from inference.synthesise import Gan, Learning
    from inference.unfinished import Folder


@click.command()
@click.argument("source", metavar="LOG|EXAMPLES", type=click.Path(exists=True, path_type=Path))
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Where examples go.")
@click.option("--gap-hours", type=click.FloatRange(0), default=6.0, show_default=True, help="As in `kairos train`.")
@click.option("--count", type=click.IntRange(1), help="How many to make up.  [default: as many as were learned from]")
@click.option("--epochs", type=click.IntRange(1), default=20, show_default=True, help="A long log needs fewer.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed gives the same examples.")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="More are faster, if idle.")
@click.option("--device", default="auto", show_default=True, help="As torch names it; auto: a GPU where there is one.")
@click.option("--resume", is_flag=True, help="Go on where the same run in OUT was stopped.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, how far they are from the log's, and no more.")
def synthesise(source: Path, out: Path, gap_hours: float, resume: bool, as_json: bool, **plan: Any) -> None:
    """Make up examples like those of LOG or EXAMPLES, as `kairos train` takes them, with labels.

    A GAN learns from the part of the log that `kairos train` would train on, and from nothing later. What it makes up
    is for training only: `kairos train LOG --add OUT` comes next. The report tells how far it is from
    the log, property by property, beside how far two halves of the log's shoppers are from each other.
    """
    console = Console(stderr=True)
    try:
        from inference.unfinished import Folder  # noqa: PLC0415 torch takes seconds to import, and may be missing
    except ModuleNotFoundError as error:
        raise torch_is_missing(error) from None
    try:
        real = split(examples_of(source, console), gap_ms=int(gap_hours * HOUR_MS)).train
        gan, made = _made(real, plan, Folder(out, resume), console)
        facts = gan.facts | {"synthetic": True, "count": len(made), "distances": beside(real, made)}
        _keep(made, facts, Folder(out))
    except (ValueError, OSError) as error:
        raise click.ClickException(str(error)) from None
    except KeyboardInterrupt:
        raise click.ClickException("stopped; the same command with --resume goes on after the last epoch") from None
    if as_json:
        click.echo(msgspec.json.encode(facts))
        return
    Console().print(_table(facts["distances"]))
    click.echo(f"{out / EXAMPLES_FILE}: {len(made):,} made-up examples; next: kairos train {source} --add {out}")


def _made(real: Examples, plan: dict[str, Any], folder: "Folder", console: Console) -> "tuple[Gan, Examples]":
    from inference.synthesise import GanPlan, learn, synthetic  # noqa: PLC0415 torch

    count = plan.pop("count") or len(real)
    chosen = msgspec.convert(plan | {"device": device_of(plan["device"])}, GanPlan)
    with progress_bar(console) as bar:
        task = bar.add_task("epoch 1", total=None)

        def tell(step: "Learning") -> None:
            done, of = (step.epoch - 1) * step.of + step.examples, step.epochs * step.of
            critic = "" if step.critic is None else f", critic {step.critic:.2f}"
            words = f"epoch {step.epoch} of {step.epochs}, loss {step.loss:.3f}{critic}"
            bar.update(task, description=words, completed=done, total=of)

        gan = learn(real, chosen, tell, folder)
    with console.status(f"making up {count:,} examples"):
        return gan, synthetic(gan, real, count, chosen.seed)


def _keep(made: Examples, facts: dict[str, Any], folder: "Folder") -> None:
    folder.path.mkdir(parents=True, exist_ok=True)
    write_examples(folder.path / EXAMPLES_FILE, made)
    folder.finish()
    (folder.path / REPORT_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(facts), indent=2) + b"\n")


def _table(distances: dict[str, dict[str, float]]) -> Table:
    table = Table("total variation from the log", "synthetic", "half from half", "independent")
    for name, found in distances.items():
        table.add_row(name, *(f"{found[of]:.3f}" for of in ("synthetic", "half", "independent")))
    return table

"""`kairos pretrain`: from a log nobody has labelled to a transformer that knows what histories look like."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec
from rich.console import Console

from inference.trained import START_FILE
from streams.commands.example_source import examples_of
from streams.commands.train import device_of, progress_bar, torch_is_missing

if TYPE_CHECKING:
    from inference.pretrain import Told


@click.command()
@click.argument("source", metavar="LOG|EXAMPLES", type=click.Path(exists=True, path_type=Path))
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Where the model goes.")
@click.option("--epochs", type=click.IntRange(1), default=3, show_default=True, help="Passes over the histories.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed gives the same model.")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="More are faster, if idle.")
@click.option("--device", default="auto", show_default=True, help="As torch names it; auto: a GPU where there is one.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, how the model came to be, and nothing else.")
def pretrain(source: Path, out: Path, device: str, as_json: bool, **plan: Any) -> None:
    """Pre-train a transformer from LOG or EXAMPLES: some events of each history are hidden, and guessed from others.

    No label is looked at, so the log may be short, or have no carts. `kairos train --start-from OUT` comes next.
    Keep what will judge the model out of LOG.
    """
    console = Console(stderr=True)
    try:
        from inference.pretrain import PretrainPlan  # noqa: PLC0415 torch takes seconds, and may be missing
        from inference.pretrain import pretrain as learn  # noqa: PLC0415
        from inference.start import write_start  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise torch_is_missing(error) from None
    try:
        examples = examples_of(source, console)
        with progress_bar(console) as bar:
            task = bar.add_task("epoch 1", total=None)

            def tell(told: "Told") -> None:
                done = (told.epoch - 1) * told.of + told.examples
                words = f"epoch {told.epoch} of {told.epochs}, loss {told.loss:.3f}"
                bar.update(task, description=words, completed=done, total=told.epochs * told.of)

            start = learn(examples, msgspec.convert(plan | {"device": device_of(device)}, PretrainPlan), tell)
        out.mkdir(parents=True, exist_ok=True)
        write_start(out / START_FILE, start)
    except (ValueError, OSError) as error:
        raise click.ClickException(str(error)) from None
    come_next = f"next: kairos train LOG --model transformer --start-from {out}"
    told = f"{out / START_FILE}: loss {start.facts['loss']:.3f}; {come_next}"
    click.echo(msgspec.json.encode(start.facts) if as_json else told)

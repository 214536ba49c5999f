"""`kairos export`: from a trained model to one that Triton serves."""

import logging
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console

from inference.repository import next_version
from inference.trained import CHECKPOINT_FILE
from streams.commands.train import torch_is_missing


@click.command()
@click.argument("trained", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--models", type=click.Path(file_okay=False, path_type=Path), default=Path("deploy/models"),
              show_default=True, help="The Triton model repository.")  # fmt: skip
@click.option("--name", default="abandon_lstm", show_default=True, help="The name that the model is asked by.")
@click.option("--version", type=click.IntRange(1), help="Its version.  [default: one above the last]")
@click.option("--date", help="What the model card says.  [default: today]")
@click.option("--all-heads", is_flag=True, help="Answer everything the model learned, not only what Kairos asks.")
def export(trained: Path, models: Path, name: str, version: int | None, date: str | None, all_heads: bool) -> None:
    """Export what `kairos train` left in DIR to ONNX, check it against torch, and put it into a Triton repository.

    Kairos itself asks for purchase_24h, abandon_30m and next_action. Writes NAME/VERSION/model.onnx, the model card
    beside it, and NAME/config.pbtxt. Nothing is written where ONNX Runtime and torch answer differently.
    """
    try:
        from inference.checkpoint import load_checkpoint  # noqa: PLC0415 torch takes seconds, and may be missing
        from inference.export import Place  # noqa: PLC0415
        from inference.export import export as export_model  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise torch_is_missing(error) from None
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it warns of packages that the model does not use
    number, day = version or next_version(models, name), date or datetime.now(UTC).date().isoformat()
    try:
        with Console(stderr=True).status("exporting and checking"):
            checkpoint, place = load_checkpoint(trained / CHECKPOINT_FILE), Place(models, name, number)
            path = export_model(checkpoint, place, day, everything=all_heads)
    except (ValueError, OSError) as error:
        raise click.ClickException(str(error)) from None
    click.echo(path)

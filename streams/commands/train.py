"""`kairos train`: from a recorded log to a model."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec
from click.core import ParameterSource
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Column, Table

from inference.added import added_facts, refuse_made_up, with_added
from inference.dataset import Split, read_examples
from inference.evaluate import ActionQuality, Quality, Report
from streams.commands.example_source import Judged

if TYPE_CHECKING:
    from inference.checkpoint import Checkpoint
    from inference.distil import Teacher
    from inference.start import Start
    from inference.train import Plan
    from inference.train import Progress as Step
    from inference.unfinished import Folder

CHECKPOINT_FILE = "model.pt"
MODELS = ("rnn", "gru", "lstm", "cnn", "transformer", "vae")
"""Those of `inference.checkpoint.MODELS`, which needs torch."""
REPORT_FILE = "report.json"
START_FILE = "pretrained.pt"
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.argument("source", metavar="LOG|EXAMPLES", type=click.Path(exists=True, path_type=Path))
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Where the model goes.")
@click.option(
    "--add",
    "added",
    type=click.Path(exists=True, path_type=Path),
    help="Examples to learn from beside those: what `kairos synthesise` left.",
)
@click.option("--gap-hours", type=click.FloatRange(0), default=6.0, show_default=True, help="Left out at each cut.")
@click.option(
    "--model", "architecture", type=click.Choice(MODELS), default="lstm", show_default=True, help="What learns."
)
@click.option(
    "--settings",
    "settings_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What `kairos tune` found best; other options given here win.",
)
@click.option("--epochs", type=click.IntRange(1), default=20, show_default=True, help="At most; it stops early.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed gives the same model.")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="More are faster, if idle.")
@click.option("--device", default="auto", show_default=True, help="As torch names it; auto: a GPU where there is one.")
@click.option(
    "--start-from",
    "pretrained",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="What `kairos pretrain` left.",
)
@click.option(
    "--last-layers",
    type=click.IntRange(0),
    help="Of a pre-trained model only these learn, and the heads.  [default: all]",
)
@click.option("--force", is_flag=True, help="Train on examples that are too thin.")
@click.option("--resume", is_flag=True, help="Go on where the same training in OUT was stopped.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, the report on the test part, and nothing else.")
def train(source: Path, out: Path, gap_hours: float, force: bool, resume: bool, as_json: bool, **plan: Any) -> None:
    """Train a model from EXAMPLES, a folder of `kairos examples`, or from a LOG as that command takes it.

    A log runs through the live pipeline, so the model learns from what it will be asked. It is cut by time: 70 % for
    training, 15 % for early stopping and calibration, 15 % for the report. After each epoch OUT holds what
    --resume needs, and the curves for TensorBoard. `kairos export` comes next.
    """
    console = Console(stderr=True)
    try:
        plan, chosen = _with_settings(plan, plan.pop("settings_file"))
        made = Judged(source, gap_hours, console)
        made.check(console, force=force)
        refuse_made_up(made.examples)
        parts, more = _with_added(made.parts, plan.pop("added"))
        checkpoint = _learned(parts, out, resume, plan, console)
        origin = {"source": made.quality.source, "sha256": made.quality.sha256} | more
        report = keep(checkpoint._replace(facts={"examples_from": origin, **chosen, **checkpoint.facts}), out)
    except (ValueError, OSError) as error:
        raise click.ClickException(str(error)) from None
    except KeyboardInterrupt:
        raise click.ClickException("stopped; the same command with --resume goes on after the last epoch") from None
    if as_json:
        click.echo(msgspec.json.encode(report))
        return
    Console().print(_table(report))
    click.echo(f"{out / CHECKPOINT_FILE}: the model; `kairos export {out}` puts it into a Triton repository")


def torch_is_missing(error: ModuleNotFoundError) -> click.ClickException:
    """What to say where the packages for training are not installed."""
    return click.ClickException(
        f"expected the packages that training needs, got no {error.name}; "
        "install them: python -m pip install -c deploy/constraints.txt -e '.[train]'"
    )


def device_of(name: str) -> str:
    """The name of a device of torch's; for `auto` the GPU where there is one, else the CPU."""
    import torch  # noqa: PLC0415 torch takes seconds

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        return torch.empty(0, device=name).device.type
    except (RuntimeError, AssertionError) as error:
        said = str(error).partition("\n")[0]
        raise ValueError(f"expected a device that torch can use here, got {name}: {said}; try --device cpu") from None


def progress_bar(console: Console) -> Progress:
    """A bar with words before it and the time behind."""
    return Progress(
        TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn(), console=console
    )


def _with_settings(plan: dict[str, Any], path: Path | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """The plan with what the file says, but for options that somebody gave; and what facts tell of it."""
    if path is None:
        return plan, {}
    try:
        from inference.best import read_best  # noqa: PLC0415 torch
    except ModuleNotFoundError as error:
        raise torch_is_missing(error) from None
    settings, asked = read_best(path), click.get_current_context().get_parameter_source
    taken = {name: value for name, value in settings.items() if asked(name) is not ParameterSource.COMMANDLINE}
    return plan | taken, {"settings": {"file": path.name, "taken": taken}}


def _with_added(parts: Split, added: Path | None) -> tuple[Split, dict[str, Any]]:
    if added is None:
        return parts, {}
    more = read_examples(added)
    return with_added(parts, more), {"added": added_facts(more)}


def _learned(parts: Split, out: Path, resume: bool, plan: dict[str, Any], console: Console) -> "Checkpoint":
    try:
        from inference.start import read_start  # noqa: PLC0415
        from inference.train import Plan  # noqa: PLC0415 torch takes seconds to import, and may not be installed
        from inference.unfinished import Folder  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise torch_is_missing(error) from None
    pretrained = plan.pop("pretrained")
    start = read_start(pretrained / START_FILE) if pretrained else None
    chosen = msgspec.convert(plan | {"device": device_of(plan["device"])}, Plan)
    return with_bar(parts, chosen, Folder(out, resume), start, console)


def with_bar(
    parts: Split, chosen: "Plan", folder: "Folder", start: "Start | Teacher | None", console: Console
) -> "Checkpoint":
    """What `inference.train.train` makes of these, with a bar that tells how far it is."""
    from inference.train import train as learn  # noqa: PLC0415 torch

    with progress_bar(console) as bar:
        task = bar.add_task("epoch 1", total=None)

        def tell(step: "Step") -> None:
            done, of = (step.epoch - 1) * step.of + step.examples, step.epochs * step.of
            bar.update(task, description=epoch_words(step), completed=done, total=of)

        return learn(parts, chosen, tell, folder, start)


def epoch_words(step: "Step") -> str:
    """How far a training is."""
    known = "" if step.pr_auc is None else f", validation PR-AUC {step.pr_auc:.4f}"
    return f"epoch {step.epoch} of at most {step.epochs}, loss {step.loss:.3f}{known}"


def keep(checkpoint: "Checkpoint", out: Path) -> Report:
    """Leave a trained model in a folder, and its facts beside it. Returns the report on the test part."""
    from inference.checkpoint import save_checkpoint  # noqa: PLC0415 torch
    from inference.unfinished import Folder  # noqa: PLC0415

    out.mkdir(parents=True, exist_ok=True)
    save_checkpoint(out / CHECKPOINT_FILE, checkpoint)
    Folder(out).finish()
    text = msgspec.json.format(msgspec.json.encode(checkpoint.facts), indent=2)
    (out / REPORT_FILE).write_bytes(text + b"\n")
    return msgspec.convert(checkpoint.facts["report"]["test"], Report)


def _table(report: Report) -> Table:
    table = Table(
        Column(no_wrap=True), "examples", "base rate", "PR-AUC", "ROC-AUC", "ECE", "log loss", title="on the test part"
    )
    rows = {
        "abandon_30m": report.abandon_30m,
        "  truth known": report.abandon_beside,
        "  the optimum": report.abandon_optimum,
        "purchase_24h": report.purchase_24h,
        "purchase_1h": report.purchase_1h,
        "purchase_session": report.purchase_session,
        "churn_30d": report.churn_30d,
        "next_action": report.next_action,
        "next_event": report.next_event,
    }
    for name, quality in rows.items():
        if quality is not None:
            table.add_row(name, *_cells(quality))
    return table


def _cells(quality: Quality | ActionQuality) -> list[str]:
    if isinstance(quality, ActionQuality):
        frequent = f"{quality.log_loss:.4f} (base {quality.base_log_loss:.4f})"
        return [f"{quality.examples:,}", "", "", "", f"{quality.ece:.4f}", frequent]
    order = ("" if area is None else f"{area:.4f}" for area in (quality.pr_auc, quality.roc_auc))
    return [
        f"{quality.examples:,}", f"{quality.base_rate:.4f}", *order, f"{quality.ece:.4f}", f"{quality.log_loss:.4f}",
    ]  # fmt: skip

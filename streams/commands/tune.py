"""`kairos tune`: which settings of a model are best on validation."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec
from rich.console import Console
from rich.table import Column, Table

from inference.added import refuse_made_up
from streams.commands.example_source import Judged
from streams.commands.train import MODELS, device_of, epoch_words, progress_bar, torch_is_missing

if TYPE_CHECKING:
    from inference.tune import Told, Tuned, Tuning

_SHOWN = 10


@click.command()
@click.argument("source", metavar="LOG|EXAMPLES", type=click.Path(exists=True, path_type=Path))
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Where the study goes.")
@click.option("--gap-hours", type=click.FloatRange(0), default=6.0, show_default=True, help="As in `kairos train`.")
@click.option(
    "--model", "architecture", type=click.Choice(MODELS), default="lstm", show_default=True, help="What learns."
)
@click.option("--trials", type=click.IntRange(1), default=20, show_default=True, help="With those already in OUT.")
@click.option("--epochs", type=click.IntRange(1), default=20, show_default=True, help="Of each trial, at most.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed gives the same study.")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="More are faster, if idle.")
@click.option("--device", default="auto", show_default=True, help="As torch names it; auto: a GPU where there is one.")
@click.option("--force", is_flag=True, help="Tune on examples that are too thin.")
@click.option("--resume", is_flag=True, help="Go on with the study in OUT, also to more trials.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, all trials, and nothing else.")
def tune(source: Path, out: Path, gap_hours: float, force: bool, as_json: bool, **asked: Any) -> None:
    """Train a model many times by other settings (Optuna's TPE), and tell which were best.

    The first trial has the defaults. Trials are judged by PR-AUC of abandonment on the validation part, and given up
    where they are worse than the median of those before; the test part is not looked at, and is left to judge the best:
    `kairos train SOURCE --settings OUT/best.toml` comes next. OUT holds each trial that is over.
    """
    console = Console(stderr=True)
    trials, resume = asked.pop("trials"), asked.pop("resume")
    try:
        made = Judged(source, gap_hours, console)
        made.check(console, force=force)
        refuse_made_up(made.examples)
        tuning = _begun(made, asked)
        tuning.keep_in(out, resume=resume)
        _try_all(tuning, trials, out, console)
    except (ValueError, OSError) as error:
        raise click.ClickException(str(error)) from None
    except KeyboardInterrupt:
        raise click.ClickException("stopped; the same command with --resume goes on after the last trial") from None
    tuned = tuning.tuned()
    if as_json:
        click.echo(msgspec.json.encode(tuned))
        return
    _show(tuned)
    click.echo(f"next: {_next(source, out, gap_hours)}")


def _begun(made: Judged, asked: dict[str, Any]) -> "Tuning":
    try:
        from inference.train import Plan  # noqa: PLC0415 torch takes seconds to import, and may not be installed
        from inference.tune import Tuning  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise torch_is_missing(error) from None
    plan = msgspec.convert(asked | {"device": device_of(asked["device"])}, Plan)
    return Tuning(made.parts.train, made.parts.validation, plan)


def _try_all(tuning: "Tuning", trials: int, out: Path, console: Console) -> None:
    """Trials until there are so many; the settings of the best are written after each."""
    with progress_bar(console) as bar:
        task = bar.add_task("trial 1", total=trials)

        def tell(told: "Told") -> None:
            step = told.step
            done = told.trial - 1 + ((step.epoch - 1) + step.examples / step.of) / step.epochs
            bar.update(task, description=_words(told), completed=done)

        _write_best(tuning, out)
        while len(tuning.study.trials) < trials:
            tuning.next(trials, tell)
            _write_best(tuning, out)


def _write_best(tuning: "Tuning", out: Path) -> None:
    from inference.best import BEST_FILE, write_best  # noqa: PLC0415 torch

    if (best := tuning.study.best()) is not None:
        count = len(tuning.study.trials)
        told = f"kairos tune, the best of {count} trials: PR-AUC of abandon_30m on validation {best.values[0]:.4f}"
        write_best(out / BEST_FILE, tuning.plan_of(best.params), told)


def _words(told: "Told") -> str:
    best = "" if told.best is None else f", best {told.best:.4f}"
    return f"trial {told.trial} of {told.trials}{best}: {epoch_words(told.step)}"


def _show(tuned: "Tuned") -> None:
    whole = sorted((one for one in tuned.trials if not one.pruned), key=lambda one: -one.pr_auc)
    pruned = len(tuned.trials) - len(whole)
    title = f"{tuned.judged_by}: {len(tuned.trials)} trials, {pruned} given up early"
    figures = (Column(name, no_wrap=True) for name in ("trial", "PR-AUC", "log loss", "epoch", "seconds"))
    table = Table(*figures, "settings", title=title)
    for one in whole[:_SHOWN]:
        settings = ", ".join(f"{name} {value:.4g}" for name, value in one.settings.items())
        told = f"the defaults: {settings}" if one.trial == 1 else settings
        table.add_row(
            str(one.trial), f"{one.pr_auc:.4f}", f"{one.log_loss:.4f}", str(one.best_epoch), f"{one.seconds:g}", told
        )
    Console().print(table)
    if tuned.importances:
        shares = ", ".join(f"{name} {share:.0%}" for name, share in tuned.importances.items())
        click.echo(f"what the trials differ by: {shares}")
    click.echo("the best of many looks better than it is: the test part, which no trial saw, tells")


def _next(source: Path, out: Path, gap_hours: float) -> str:
    gap = "" if gap_hours == 6.0 else f" --gap-hours {gap_hours:g}"
    return f"kairos train {source} --settings {out / 'best.toml'}{gap} --out model"

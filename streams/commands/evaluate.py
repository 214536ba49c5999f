"""`kairos evaluate`: how good a model is, beside what any model must beat."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec
import numpy as np
from rich.console import Console

from streams.commands.example_source import Judged
from streams.commands.train import torch_is_missing
from streams.replay.report.report import require_page, write_report

if TYPE_CHECKING:
    from streams.evaluation.evaluation import Evaluation


@click.command()
@click.argument("model", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("source", metavar="LOG|EXAMPLES", type=click.Path(exists=True, path_type=Path))
@click.option("--report", "page_file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Write a page (.html) that shows it.")  # fmt: skip
@click.option("--gap-hours", type=click.FloatRange(0), default=6.0, show_default=True, help="Left out at each cut.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the intervals and the boosted trees.")
@click.option("--draws", type=click.IntRange(2), default=200, show_default=True, help="Of shoppers, for the intervals.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, all figures, and nothing else.")
def evaluate(
    model: Path, source: Path, page_file: Path | None, gap_hours: float, as_json: bool, **drawing: int
) -> None:
    """Judge MODEL on the test part of EXAMPLES (a folder of `kairos examples`) or of a LOG.

    MODEL is what `kairos train` left, or a model of a Triton repository: deploy/models/NAME, or one of its versions.
    For each head with labels: PR-AUC, ROC-AUC, F1, precision and recall at the threshold that is best on validation,
    calibration, lift, confusion, all by segment, with bootstrap intervals by shopper; beside a rule, logistic
    regression and boosted trees trained on the training part, and the exact probabilities of a simulator.
    """
    console = Console(stderr=True)
    require_page(page_file)
    try:
        found = _evaluated(model, Judged(source, gap_hours, console), drawing, console)
    except ModuleNotFoundError as error:
        raise torch_is_missing(error) from None
    except (ValueError, OSError) as error:
        raise click.ClickException(str(error)) from None
    if page_file is not None:
        from streams.evaluation.page import page  # noqa: PLC0415 an extra

        write_report(page_file, page(found))
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    _show(found)
    if page_file is not None:
        click.echo(f"{page_file}: open it in a browser")


def _evaluated(model: Path, made: Judged, drawing: dict[str, int], console: Console) -> "Evaluation":
    from inference.judge.contenders import model_answers  # noqa: PLC0415 scikit-learn, which may be missing
    from inference.judge.draws import Drawing  # noqa: PLC0415
    from inference.judge.judgement import judge  # noqa: PLC0415
    from streams.evaluation.evaluation import evaluation  # noqa: PLC0415

    parts, how = made.parts, Drawing(drawing["seed"], drawing["draws"])
    with console.status("asking the model") as status:
        answers = model_answers(model, np.concatenate([parts.validation, parts.test]))
        heads = judge(answers, parts, how, lambda head: status.update(f"judging {head}"))
    return evaluation(model, made.quality, how, heads)


def _show(found: "Evaluation") -> None:
    from streams.evaluation.page import shown  # noqa: PLC0415 an extra

    console = Console()
    console.print(shown(found))
    for warning in found.warnings:
        console.print(warning)

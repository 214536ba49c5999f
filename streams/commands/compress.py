"""`kairos compress`: a smaller and faster model from a trained one, refused where it is worse, or hardly faster."""

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click
import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table

from inference.dataset import Examples
from inference.gate import Compression, not_judged, refusals
from inference.repository import next_version
from inference.trained import CHECKPOINT_FILE
from streams.commands.example_source import Judged
from streams.commands.train import device_of, keep, torch_is_missing, with_bar

if TYPE_CHECKING:
    from inference.checkpoint import Checkpoint

_STUDENT: Final = "lstm"
_QUANTISED: Final = "transformer"


class Made(NamedTuple):
    """A compressed model that is not written yet: `content` is its ONNX."""

    checkpoint: "Checkpoint"
    content: bytes
    found: Compression


@click.command()
@click.argument("model", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("source", metavar="LOG|EXAMPLES", type=click.Path(exists=True, path_type=Path))
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Where the model goes.")
@click.option("--to", type=click.Choice(["lstm", "int8"]), required=True, help="Distil, or quantise.")
@click.option("--width", type=click.IntRange(1), default=16, show_default=True, help="Of the lstm.")
@click.option("--gap-hours", type=click.FloatRange(0), default=6.0, show_default=True, help="Left out at each cut.")
@click.option("--epochs", type=click.IntRange(1), default=20, show_default=True, help="Of the lstm, at most.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed gives the same lstm.")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="That the lstm learns with.")
@click.option("--device", default="auto", show_default=True, help="Where the lstm learns, as torch names it.")
@click.option("--force", is_flag=True, help="Take examples that are too thin.")
@click.option("--resume", is_flag=True, help="Go on where the same training in OUT was stopped, or refused.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, what was lost and gained, and nothing else.")
def compress(model: Path, source: Path, out: Path, gap_hours: float, as_json: bool, **options: Any) -> None:
    """Make a smaller and faster model of MODEL, which `kairos train` left.

    --to lstm: a small lstm learns from LOG or EXAMPLES what MODEL answers to them, beside what came of them; OUT
    becomes a folder like that of `kairos train`. --to int8: weights of eight bits, for a transformer; OUT is a Triton
    repository, as `kairos export` writes it, and the model there is abandon_transformer_int8.

    Refused, with the numbers, where abandon_30m or purchase_24h loses more than 1 % of its PR-AUC on the validation
    and the test part together, or where the model is not at least 1.5 (lstm) or 1.2 times (int8) as fast: in ONNX
    Runtime, on one thread, 1,024 histories at once. Give the log that MODEL learned from: of another one, it may know
    the judging parts already.
    """
    console = Console(stderr=True)
    try:
        _another(out, model)
        judged = Judged(source, gap_hours, console)
        judged.check(console, force=options["force"])
        made = _made(model, judged, out, options, console)
        path = None if refusals(made.found) else _written(made, out)
    except ModuleNotFoundError as error:
        raise torch_is_missing(error) from None
    except (ValueError, OSError) as error:
        raise click.ClickException(str(error)) from None
    except KeyboardInterrupt:
        raise click.ClickException("stopped; the same command with --resume goes on after the last epoch") from None
    _tell(made.found, path, as_json=as_json)


def _another(out: Path, model: Path) -> None:
    if out.resolve() == model.resolve():
        raise ValueError(f"expected another folder than that of the model, got {out}; choose another --out")


def _made(model: Path, judged: Judged, out: Path, options: dict[str, Any], console: Console) -> Made:
    from inference.checkpoint import load_checkpoint  # noqa: PLC0415 torch takes seconds, and may be missing

    for name in ("torch.onnx", "onnxscript"):  # they warn of packages and constants that make no difference here
        logging.getLogger(name).setLevel(logging.ERROR)
    before = load_checkpoint(model / CHECKPOINT_FILE)
    made = _distilled(before, judged, out, options, console) if options["to"] == "lstm" else _quantised(before, judged)
    origin = {"source": judged.quality.source, "sha256": judged.quality.sha256}
    told = msgspec.to_builtins(made.found) | {"judged_on": origin, "not_judged": not_judged(made.found)}
    facts = {"examples_from": origin, **made.checkpoint.facts, "compressed": told}
    return made._replace(checkpoint=made.checkpoint._replace(facts=facts))


def _distilled(teacher: "Checkpoint", judged: Judged, out: Path, options: dict[str, Any], console: Console) -> Made:
    from inference.asked import Asked  # noqa: PLC0415 torch
    from inference.compress import compared  # noqa: PLC0415
    from inference.distil import Teacher  # noqa: PLC0415
    from inference.export import checked_onnx  # noqa: PLC0415
    from inference.train import Plan  # noqa: PLC0415
    from inference.unfinished import Folder  # noqa: PLC0415

    plan = Plan(
        architecture=_STUDENT, sizes={"width": options["width"]}, epochs=options["epochs"], seed=options["seed"],
        threads=options["threads"], device=device_of(options["device"]),
    )  # fmt: skip
    student = with_bar(judged.parts, plan, Folder(out, options["resume"]), Teacher(teacher), console)
    before, after = (checked_onnx(Asked(one.model, everything=False)) for one in (teacher, student))
    return Made(student, after, compared("lstm", before, after, _judging(judged)))


def _quantised(checkpoint: "Checkpoint", judged: Judged) -> Made:
    from inference.asked import Asked  # noqa: PLC0415 torch
    from inference.compress import compared, int8  # noqa: PLC0415
    from inference.evaluate import report  # noqa: PLC0415
    from inference.export import checked_onnx  # noqa: PLC0415
    from inference.judge.contenders import onnx_answers  # noqa: PLC0415

    if checkpoint.architecture != _QUANTISED:
        msg = f"expected a {_QUANTISED} for int8, got {checkpoint.architecture}; it gains nothing there: use --to lstm"
        raise ValueError(msg)
    before = checked_onnx(Asked(checkpoint.model, everything=False))
    after = int8(before)
    parts = {"validation": judged.parts.validation, "test": judged.parts.test}
    own = {name: msgspec.to_builtins(report(onnx_answers(after, part), part)) for name, part in parts.items()}
    told = checkpoint._replace(facts=checkpoint.facts | {"report": own})
    return Made(told, after, compared("int8", before, after, _judging(judged)))


def _judging(judged: Judged) -> Examples:
    """Validation and test together: a day's test part alone says little about purchases."""
    return np.concatenate([judged.parts.validation, judged.parts.test])


def _written(made: Made, out: Path) -> Path:
    from inference.asked import Asked  # noqa: PLC0415 torch
    from inference.export import Place, put  # noqa: PLC0415

    if made.found.to == "lstm":
        keep(made.checkpoint, out)
        return out / CHECKPOINT_FILE
    name = f"abandon_{_QUANTISED}_int8"
    place = Place(out, name, next_version(out, name))
    outputs = Asked(made.checkpoint.model, everything=False).declared()
    return put(made.content, outputs, made.checkpoint, place, datetime.now(UTC).date().isoformat())


def _tell(found: Compression, path: Path | None, *, as_json: bool) -> None:
    """Show what was found; raises the refusal where nothing was written."""
    reasons = refusals(found)
    if as_json:
        told = {"refused": reasons, "not_judged": not_judged(found), "written": str(path) if path else None}
        click.echo(msgspec.json.encode(msgspec.to_builtins(found) | told))
    else:
        Console().print(_table(found))
        for line in not_judged(found):
            click.echo(line)
    if reasons:
        raise click.ClickException(f"refused, and nothing was written: {'; '.join(reasons)}")
    if not as_json:
        more = (
            f"; `kairos export {path.parent}` puts it into a Triton repository" if path and found.to == "lstm" else ""
        )
        click.echo(f"{path}: the model{more}")


def _table(found: Compression) -> Table:
    table = Table("", "before", "after", title="compressed, on validation and test together")
    for name, one in found.heads.items():
        table.add_row(f"PR-AUC of {name}", *("" if area is None else f"{area:.4f}" for area in (one.before, one.after)))
    table.add_row("bytes", *(f"{size:,}" for size in found.bytes))
    table.add_row("times as fast", "1", f"{found.times_as_fast:.2f}")
    return table

"""`kairos bench`: speed beside other systems, and models beside published figures."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import msgspec
from rich.console import Console
from rich.table import Table

from streams.commands.train import torch_is_missing
from streams.embedded.process import ServerError

if TYPE_CHECKING:
    from inference.bench.carts.run import CartsReport
    from streams.replay.offpolicy.uplift import Measured

CHECKOUT: Final = Path(__file__).parents[2]
NEEDED: Final = ("confluent_kafka", "quixstreams")
BENCHMARKS: Final = CHECKOUT / "tests" / "benchmarks"

_FOLDER: Final = click.Path(exists=True, file_okay=False, path_type=Path)
_TRAIN = click.option("--train", required=True, type=_FOLDER, metavar="DIR", help="The folder to train on.")
_TEST = click.option("--test", type=_FOLDER, metavar="DIR", help="Judge on this folder; train on all of the other.")
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object, and nothing else.")


@click.group()
def bench() -> None:
    """Measure: speed beside what a shop would pick instead, models beside the published figures."""


@bench.command(context_settings={"ignore_unknown_options": True}, add_help_option=False)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def speed(words: tuple[str, ...]) -> None:
    """Events/s, CPU and memory beside Kafka Streams, quixstreams and stock Faust; latency at a steady rate.

    Needs a checkout, and `pip install -e '.[local,bench]'`.
    """
    sys.exit(_run("speed", words))


@bench.command()
@_TRAIN
@_TEST
@_JSON
def carts(train: Path, test: Path | None, as_json: bool) -> None:
    """Will this cart be bought? Area under the ROC and the precision-recall curve, and calibration, for each k.

    Folders are in the layout of `retailrocket-carts`. Without --test, DIR is split as published: a fifth of the
    visitors for the test, with the seeds 11, 22, 33, 42 and 55, in the mean. Minutes on one core.
    """
    try:
        from inference.bench.carts.run import bench_carts  # noqa: PLC0415 scikit-learn may not be installed

        report = bench_carts(train, test, _tell)
    except ModuleNotFoundError as error:
        raise torch_is_missing(error) from None
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        click.echo(msgspec.json.encode(report))
        return
    Console().print(_carts_table(report))


@bench.command("next-item")
@_TRAIN
@_TEST
@_JSON
def next_item(train: Path, test: Path | None, as_json: bool) -> None:
    """What will be clicked next? P@20 and MRR@20 over every test prefix, ranked over all items.

    Folders are in the layout of `diginetica-sessions`. Without --test, the test prefixes of the training folder are
    judged. Minutes on one core.
    """
    try:
        from inference.bench.next_item.run import bench_next_item  # noqa: PLC0415 scikit-learn may not be installed

        report = bench_next_item(train, test, _tell)
    except ModuleNotFoundError as error:
        raise torch_is_missing(error) from None
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        click.echo(msgspec.json.encode(report))
        return
    click.echo(
        f"next-item: P@20 {report.p20:.2f} %, MRR@20 {report.mrr20:.2f} % over {report.n:,} prefixes "
        f"(trained in {report.train_seconds:.0f} s, ranked in {report.rank_seconds:.0f} s)"
    )


@bench.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE")
@_JSON
def uplift(file: Path, as_json: bool) -> None:
    """Whom does an e-mail move? Difference of the arms, uplift curve and Qini on Hillstrom's experiment.

    FILE is its CSV. Customers are ranked by what each e-mail is expected to add, fitted on the others.
    """
    from streams.replay.offpolicy import hillstrom  # noqa: PLC0415 the other benchmarks start without it
    from streams.replay.offpolicy.uplift import uplift as measured  # noqa: PLC0415

    try:
        everybody = hillstrom.customers(file)
        found = {arm: measured(hillstrom.of_arm(everybody, arm)) for arm in hillstrom.ARMS[1:]}
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    for arm, one in found.items():
        half = one.curve[len(one.curve) // 2].value / one.difference.value
        click.echo(
            f"{arm:<15}difference {_points(one.difference)}, Qini {_points(one.qini)}; half of the mails: {half:.0%}"
        )


@bench.command()
@_JSON
def inference(as_json: bool) -> None:
    """How fast is each model? Sequences/s and latency, in this process and through Triton, and its size.

    ONNX Runtime with one thread on the CPU, histories of 32 events, random weights: speed does not depend on them.
    Beside the models: an lstm 16 wide and a transformer of int8, with their speed against what they are made from.
    Needs `pip install -e '.[local,train]'`; some minutes, on a machine that has nothing else to do.
    """
    try:
        from inference.server import TritonMissingError  # noqa: PLC0415 with the rest
        from streams.evaluation.inference_speed import inference_speed, table  # noqa: PLC0415 torch may be missing

        report = inference_speed(_tell)
    except ModuleNotFoundError as error:
        raise torch_is_missing(error) from None
    except (TritonMissingError, ServerError) as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        click.echo(msgspec.json.encode(report))
        return
    Console().print(table(report))
    click.echo(report.machine)


def _points(measured: "Measured") -> str:
    low, high = measured.interval
    return f"{100 * measured.value:+.2f} points ({100 * low:+.2f} to {100 * high:+.2f})"


def _carts_table(report: "CartsReport") -> Table:
    columns = (
        "k",
        "rows",
        "AUC",
        "PR-AUC",
        "ECE",
        "trees AUC",
        "trees PR-AUC",
        "more AUC (95 %)",
        "more PR-AUC (95 %)",
    )
    table = Table(*columns, title=f"carts, {report.splits} splits, {report.seconds:.0f} s")
    for k, own in report.k.items():
        trees, more = report.boosted_trees[k], report.gain_over_boosted_trees[k]
        measured = (f"{number:.3f}" for number in (own.auc, own.pr_auc, own.ece, trees.auc, trees.pr_auc))
        auc = f"{more.auc:+.3f} ({more.auc_low:+.3f} to {more.auc_high:+.3f})"
        pr_auc = f"{more.pr_auc:+.3f} ({more.pr_auc_low:+.3f} to {more.pr_auc_high:+.3f})"
        table.add_row(k, f"{own.n:,}", *measured, auc, pr_auc)
    return table


def _tell(line: str) -> None:
    click.echo(line, err=True)


def _run(name: str, words: tuple[str, ...]) -> int:
    """Run a benchmark in a Python of its own; its exit code. Raises a one-line error where there is no checkout."""
    if not (BENCHMARKS / name).is_dir():
        msg = f"expected the benchmark at {BENCHMARKS / name}, got nothing; run it from a checkout (pip install -e .)"
        raise click.ClickException(msg)
    missing = [package for package in NEEDED if find_spec(package) is None]
    if missing:
        msg = f"expected {', '.join(missing)} for the benchmark, got none; install it: pip install -e '.[local,bench]'"
        raise click.ClickException(msg)
    path = os.pathsep.join([str(BENCHMARKS), str(CHECKOUT), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, "-m", name, *words], env={**os.environ, "PYTHONPATH": path}, check=False
    ).returncode

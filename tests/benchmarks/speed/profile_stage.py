"""What costs most in one stage of Kairos: py-spy (`pip install py-spy`) samples a worker that works through events.

usage: PYTHONPATH=tests/benchmarks python -m speed.profile_stage ingest|decide|whole [--events N] [--top N] [--native]

`self` is the share of the samples in which the function (or the line) itself ran; `total` counts what it called too.
Without --native, compiled code (msgspec, aiokafka's batches, snappy) counts as its caller.
"""

import contextlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import click

from speed import run_kairos
from speed.load import load_for_kairos
from speed.run_kairos import Job
from streams.embedded.apache_kafka import ApacheKafka

STAGES: Final = {"ingest": "ingest", "decide": "decide", "whole": "ingest,decide"}
IMPORTING: Final = "<frozen importlib"
_LONGEST_S: Final = 600
_ATTACH_AFTER_S: Final = 1.0
_HERE: Final = str(Path(__file__).parents[3]) + "/"


class Costs(NamedTuple):
    """Samples by function (itself, with what it called) and by line, and how many there are."""

    own: Counter[str]
    total: Counter[str]
    lines: Counter[str]
    samples: int


@click.command()
@click.argument("stage", type=click.Choice(list(STAGES)))
@click.option("--events", "count", type=click.IntRange(20_000), default=300_000, show_default=True)
@click.option("--top", type=click.IntRange(1), default=30, show_default=True)
@click.option("--native", is_flag=True, help="Show compiled functions too.")
@click.option("--rate", type=click.IntRange(1, 1_000), default=250, show_default=True, help="Samples a second.")
def main(stage: str, count: int, top: int, native: bool, rate: int) -> None:
    """Sample one stage over COUNT events, rules alone."""
    if shutil.which("py-spy") is None:
        msg = "expected py-spy on the PATH, got none; install it: pip install py-spy"
        raise click.ClickException(msg)
    with tempfile.TemporaryDirectory(prefix="kairos-bench-") as folder, ApacheKafka(heap_mb=1_024) as kafka:
        stacks = Path(folder, "stacks")
        sampled = partial(_sampled, stacks=stacks, options=["-r", str(rate), *["--native"][: int(native)]])
        job = Job(kafka.bootstrap, "p.", STAGES[stage], {"KAIROS_MODEL": ""})
        load_for_kairos(kafka.bootstrap, "p.", count)
        if stage == "decide":
            run_kairos.measure("ingest", job._replace(stages="ingest"), count)
        row = run_kairos.measure(stage, job, count, beside=sampled)
        click.echo(f"{stage}: {count:,} events, {row.cpu_s_per_million} CPU s per million while sampled")
        _show(costs(stacks.read_text().splitlines()), top, row.cpu_s_per_million)


@contextlib.contextmanager
def _sampled(pid: int, stacks: Path, options: list[str]) -> Iterator[None]:
    """Sample a process in the meantime. Imports are left out of the costs, so it may begin a little late."""
    time.sleep(_ATTACH_AFTER_S)
    words = ["py-spy", "record", *options, "-f", "raw", "-o", str(stacks), "-d", str(_LONGEST_S), "--pid", str(pid)]
    spy = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        spy.send_signal(signal.SIGINT)
        spy.wait(60)


def costs(stacks: Iterable[str]) -> Costs:
    """The costs in py-spy's raw stacks: frames with `;` between them, outermost first, then the number of samples."""
    found = Costs(Counter(), Counter(), Counter(), 0)
    samples = 0
    for stack in stacks:
        frames, _, number = stack.rpartition(" ")
        if IMPORTING in frames:
            continue
        named, count = frames.split(";"), int(number)
        samples += count
        found.lines[named[-1]] += count
        functions = [_function(frame) for frame in named]
        found.own[functions[-1]] += count
        found.total.update(dict.fromkeys(set(functions), count))
    return found._replace(samples=samples)


def _function(frame: str) -> str:
    """A frame without its line number: `step (streams/core/step.py)`."""
    name, _, place = frame.partition(" (")
    return f"{name} ({place.rstrip(')').partition(':')[0].removeprefix(_HERE)})"


def _show(found: Costs, top: int, cpu_s: float) -> None:
    whole = max(1, found.samples)
    click.echo(f"\n{'self':>7}{'s/M':>7}{'total':>8}  function")
    for name, count in found.own.most_common(top):
        click.echo(f"{count / whole:>7.1%}{count / whole * cpu_s:>7.2f}{found.total[name] / whole:>8.1%}  {name}")
    click.echo(f"\n{'total':>7}{'s/M':>7}  function, with what it called")
    for name, count in found.total.most_common(top):
        click.echo(f"{count / whole:>7.1%}{count / whole * cpu_s:>7.2f}  {name}")
    click.echo(f"\n{'self':>7}  line")
    for name, count in found.lines.most_common(top):
        click.echo(f"{count / whole:>7.1%}  {name.replace(_HERE, '')}")


if __name__ == "__main__":
    sys.exit(main())

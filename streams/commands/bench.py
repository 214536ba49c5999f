"""`kairos bench`: the benchmarks of the checkout, which are not part of the installed package."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import click

CHECKOUT: Final = Path(__file__).parents[2]
NEEDED: Final = ("confluent_kafka", "quixstreams")
BENCHMARKS: Final = CHECKOUT / "tests" / "benchmarks"


@click.group()
def bench() -> None:
    """Measure, beside what a shop would pick instead. Needs a checkout, and `pip install -e '.[local,bench]'`."""


@bench.command(context_settings={"ignore_unknown_options": True}, add_help_option=False)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def speed(words: tuple[str, ...]) -> None:
    """Events/s, CPU and memory beside Kafka Streams, quixstreams and stock Faust; latency at a steady rate."""
    sys.exit(_run("speed", words))


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

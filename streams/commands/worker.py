"""`kairos worker`: what is deployed."""

import os
import signal
import sys
from typing import Any, NoReturn

import click

from streams.exit_codes import ExitCode


@click.command("worker")
def worker() -> None:
    """Run the agents until SIGTERM. Everything is set by the environment: see `kairos settings`.

    Exit codes: 0 stopped, 64 wrong configuration, 69 no broker, 70 internal error, 71 another worker took over a
    partition, 74 the local store failed, 75 no progress. `deploy/RUNBOOK.md` says what to do about each.
    """
    signal.signal(signal.SIGTERM, _nothing_began)  # until Faust listens
    from streams.run import run_worker  # noqa: PLC0415 faust takes a second to import, and other commands do not need it
    from streams.settings import Settings  # noqa: PLC0415

    try:
        run_worker(Settings.from_environment(os.environ))
    except ValueError as exc:
        _refuse(str(exc))


def _nothing_began(*_: Any) -> NoReturn:
    os._exit(ExitCode.OK)


def _refuse(reason: str) -> NoReturn:
    click.echo(f"kairos worker: {reason}", err=True)
    sys.exit(ExitCode.BAD_CONFIGURATION)

"""Runs a worker process: the event loop, the app, its scorer, and a limit on how long stopping may take."""

import logging
import sys
import threading
from typing import Any

import mode.loop

if sys.platform != "win32":
    mode.loop.use("uvloop")  # before faust is imported, which chooses its loop then

import faust

from inference.answers import Scorer
from inference.client.ladder import Ladder
from inference.client.triton import TritonScorer
from streams.app import build, quiet
from streams.exit_codes import ExitCode
from streams.settings import Settings
from streams.transport.fatal import end_process

STOP_LIMIT_S = 9.0
"""SIGTERM ends a worker within ten seconds, whatever hangs."""


def run_worker(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT; does not return but through `SystemExit`. Raises `ValueError` on wrong settings."""
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    quiet()
    app = build(settings, scorer(settings))
    worker = _Worker(app, loglevel=settings.log_level, override_logging=False)
    worker.execute_from_commandline()


def scorer(settings: Settings) -> Scorer:
    """The ladder of this worker: the model on Triton, then rules. Without a model, rules alone."""
    if not settings.model:
        return Ladder([])
    model = TritonScorer(settings.triton, settings.model, deadline_ms=settings.inference_deadline_ms)
    return Ladder([model], deadline_ms=settings.inference_deadline_ms)


class _Worker(faust.Worker):
    """Faust's worker, which may not take for ever to stop."""

    def _on_sigterm(self, *args: Any) -> None:
        _limit_the_stop()
        super()._on_sigterm(*args)

    def _on_sigint(self, *args: Any) -> None:
        _limit_the_stop()
        super()._on_sigint(*args)


def _limit_the_stop() -> None:
    timer = threading.Timer(
        STOP_LIMIT_S, end_process, (ExitCode.NO_PROGRESS, f"not stopped {STOP_LIMIT_S:.0f} s after the signal")
    )
    timer.daemon = True
    timer.start()

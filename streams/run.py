"""Runs a worker process: the event loop, the app, its scorer, and a limit on how long stopping may take."""

import asyncio
import logging
import sys
import threading
from pathlib import Path
from typing import Any

import mode.loop

if sys.platform != "win32":
    mode.loop.use("uvloop")  # before faust is imported, which chooses its loop then

import faust
import msgspec
from aiokafka.errors import KafkaConnectionError, KafkaError

from inference.answers import Scorer
from inference.client.failure import NoAnswerError
from inference.client.ladder import Ladder
from inference.client.triton import TritonScorer
from inference.repository import ModelMissingError
from schemas.decisions import Mode
from schemas.progress import Known
from streams.app import build
from streams.broker_features import has_transactions
from streams.connection import MissingTopicError, connection
from streams.exit_codes import ExitCode
from streams.known_topics import require, watch
from streams.quiet import quiet
from streams.settings import Settings
from streams.telemetry import serve
from streams.transport.fatal import end_process
from streams.watchdog import Watchdog

STOP_LIMIT_S = 9.0
"""SIGTERM ends a worker within ten seconds, whatever hangs."""

GROUP_LIMIT_S = 60.0
"""How long the group may take to give partitions out: it waits for members as long (`broker_rebalance_timeout`)."""


def run_worker(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT; does not return but through `SystemExit`. Raises `ValueError` on wrong settings."""
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    quiet()
    _check_names(settings)
    settings = _with_transactions_decided(settings)
    worker = build(settings, scorer(settings))
    if settings.metrics_port:
        serve(worker, settings.metrics_port)
    known = _known_topics(settings)
    worker.ingest.epochs = {name: topic.epoch for name, topic in known.items()}

    async def look_after_topics() -> None:
        await watch(settings, known)

    worker.app.task(look_after_topics)
    Watchdog(GROUP_LIMIT_S, work="its place in the consumer group", moves=lambda: worker.settled).start()
    process = _Worker(worker.app, loglevel=settings.log_level, override_logging=False, redirect_stdouts=False)
    process.execute_from_commandline()


def _check_names(settings: Settings) -> None:
    """Two shops on one broker need two groups: with the same one each would fence the other's writers."""
    if settings.topic_prefix and settings.app_id == Settings().app_id:
        msg = f"expected a KAIROS_APP_ID of its own beside KAIROS_TOPIC_PREFIX={settings.topic_prefix!r}; set it"
        raise ValueError(msg)


def _with_transactions_decided(settings: Settings) -> Settings:
    """Transactions on or off: where the setting is `auto`, the broker is asked."""
    if settings.transactions != "auto":
        return settings
    try:
        has = asyncio.run(has_transactions(connection(settings)))
    except (KafkaConnectionError, TimeoutError) as error:
        reason = f"expected a Kafka broker at {settings.broker}, got {error}; start one, or set KAIROS_BROKER"
        end_process(ExitCode.UNAVAILABLE, reason)
    return msgspec.structs.replace(settings, transactions="on" if has else "off")


def _known_topics(settings: Settings) -> dict[str, Known]:
    """The topics, once all is well with them; else the process ends, with what to do about it."""
    try:
        return asyncio.run(require(settings))
    except (KafkaError, TimeoutError) as error:
        end_process(ExitCode.UNAVAILABLE, f"expected to learn of the topics from {settings.broker}, got {error!r}")
    except MissingTopicError as error:
        end_process(error.exit_code, str(error))
    except NotImplementedError:
        end_process(
            ExitCode.BAD_CONFIGURATION, f"expected Kafka 2.8 or later at {settings.broker}, which has topic ids"
        )


def scorer(settings: Settings) -> Scorer:
    """The ladder of this worker: the model, its previous version where one is named, then rules.

    Models are asked on Triton, or in this process. Raises a one-line `ValueError` where a model should run in this
    process and cannot.
    """
    if not settings.model:
        return Ladder([])
    models = [_model(settings, None, "model")]
    if settings.previous_version:
        models.append(_model(settings, settings.previous_version, "previous_model"))
    return Ladder(models, deadline_ms=settings.inference_deadline_ms)


def _model(settings: Settings, version: int | None, rung: Mode) -> Scorer:
    """A version of the model; None is the newest."""
    if not settings.triton:
        return _in_process(settings, version, rung)
    number = "" if version is None else str(version)
    return TritonScorer(settings.triton, settings.model, number, rung, deadline_ms=settings.inference_deadline_ms)


def _in_process(settings: Settings, version: int | None, rung: Mode) -> Scorer:
    try:
        from inference.client.in_process import InProcessScorer  # noqa: PLC0415  ONNX Runtime is no dependency of ours

        return InProcessScorer(Path(settings.models_dir), settings.model, version, mode=rung)
    except ImportError as exc:
        msg = f"KAIROS_TRITON is empty, and the model cannot run here: {exc}; pip install -e '.[local]', or set it"
        raise ValueError(msg) from exc
    except (ModelMissingError, NoAnswerError) as exc:
        raise ValueError(str(exc)) from exc


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

"""The Faust app of a worker, built from settings."""

from pathlib import Path
from typing import Any

import faust
import msgspec

from inference.answers import Scorer
from schemas.topics import TIMELINE
from streams import agents
from streams.core.policy.rules import PolicyRules, parse
from streams.outside import Outside
from streams.settings import Settings
from streams.transport.settings import Options, configure, faust_settings, static_member
from streams.worker import Worker


def build(settings: Settings, scorer: Scorer, outside: Outside | None = None) -> Worker:
    """A worker whose `app` is ready to be run. Raises `ValueError` on a policy that cannot be read."""
    app = faust.App(
        settings.app_id,
        broker=f"blocks://{settings.broker}",
        datadir=settings.data_dir,
        **faust_settings(broker_session_timeout=settings.session_timeout_s, **static_member(settings.instance_id)),
    )
    worker = Worker(app, settings, read_policy(Path(settings.policy)), scorer, outside or Outside())
    timeline = frozenset({worker.name(TIMELINE.name)})
    real = settings.transactions != "off"
    configure(
        app,
        Options(
            gated=timeline,
            committed_elsewhere=timeline,
            drain=worker.drain,
            idempotent=real,
            read_committed=real,
            standbys=settings.standbys,
            fetch_wait_ms=100 if real else 20,  # Tansu looks again only after half of it
        ),
    )
    agents.attach(app, worker)
    _connect(app, worker)
    return worker


def read_policy(path: Path) -> PolicyRules:
    """The policy of a TOML file. Raises a one-line `ValueError` that names the file and the place."""
    try:
        return parse(path.read_text())
    except OSError as exc:
        fix = "set KAIROS_POLICY or --policy, e.g. to deploy/policy.toml"
        msg = f"expected a policy at {path}, got {exc.strerror}; {fix}"
        raise ValueError(msg) from exc
    except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
        msg = f"expected a policy in {path}, got a mistake: {exc}; compare it with deploy/policy.toml"
        raise ValueError(msg) from exc


def _connect(app: faust.App, worker: Worker) -> None:
    @app.on_rebalance_complete.connect
    async def rebalanced(*_: Any, **__: Any) -> None:
        await worker.rebalanced()

    @app.on_before_shutdown.connect
    async def end(*_: Any, **__: Any) -> None:
        await worker.stop()

    app.task(worker.start)

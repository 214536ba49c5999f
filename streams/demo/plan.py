"""What a demo is to do, and the settings that its worker runs with."""

import secrets
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from streams.embedded.ports import free_ports
from streams.feeder import run_on_ms
from streams.replay.formats.table import RecordedLog
from streams.settings import Settings

ROOT: Final = Path(__file__).parents[2]
PARTITIONS: Final = 4
SESSION_TIMEOUT_S: Final = 6.0
"""The shortest that brokers allow: the embedded one lets the first worker wait half of it."""


class Plan(NamedTuple):
    """What was asked for. `log`: a recorded log to feed, None for the simulated shop of the next three.

    `broker`: one that runs already; None starts one, a real Apache Kafka where `apache_kafka` is set. `speed` is log
    time per wall time. `duration_s` is wall time, from the first event to the end of the run-on.
    """

    broker: str | None
    apache_kafka: bool
    log: RecordedLog | None
    seed: int
    shoppers: int
    speed: float
    duration_s: float

    def open_ms(self, settings: Settings) -> int:
        """How long the simulated shop is open, in log time: the rest of the duration is the run-on."""
        return int(self.duration_s * self.speed * 1000) - run_on_ms(settings)


def demo_settings(plan: Plan, settings: Settings) -> Settings:
    """The settings of the environment with what a demo needs: log time from the feed, free ports, names of its own.

    On a broker that runs already every demo has topics and a group of its own, so that reruns do not mix.
    """
    name = f"demo-{secrets.token_hex(4)}"
    own_names = {"topic_prefix": f"{name}.", "app_id": name} if plan.broker else {}
    return msgspec.structs.replace(
        settings,
        clock="topic",
        timeline_partitions=PARTITIONS,
        session_timeout_s=SESSION_TIMEOUT_S,
        stages=("ingest", "decide"),
        metrics_port=free_ports(1)[0],
        models_dir=found(settings.models_dir),
        policy=found(settings.policy),
        **own_names,
    )


def found(path: str) -> str:
    """The path, or where it stands in the checkout for who starts a command from somewhere else."""
    return path if Path(path).exists() or not (ROOT / path).exists() else str(ROOT / path)

"""The two shops of a chaos run. They share brokers and machines; each has topics, a group and workers of its own.

The one has rules alone, log time from a clock topic, and most shoppers on disk: what must come of every shopper is
known beforehand. The other has the model on Triton, the whole policy, the wall clock, and workers with names (static
members of the group): what comes of it is held against a crash-free replay, as it is for the first one.
"""

import time
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from streams.chaos.traffic import Traffic
from streams.settings import Settings

PARTITIONS: Final = 4
COMMIT_EVERY_S: Final = 3.0
"""Three times the default, so that kills hit open transactions and shoppers that were emitted and not committed."""
SESSION_S: Final = 6.0
START_MS: Final = 1_700_000_000_000
LOG_SPEED: Final = 120.0
"""Log time per wall time where a clock topic tells it: a cart idle for 30 minutes is abandoned after 15 s."""
RULES_IDLE_S: Final = 1_800.0
IN_MEMORY: Final = 300
"""Shoppers of a worker in memory, where most are on its disk: far fewer than come."""
WALL_IDLE_S: Final = 8.0
WALL_LATENESS_S: Final = 2.0
PATIENT_MS: Final = 1_000
"""For an answer of the model: the machine may be busy, and what is tested is not speed."""
SHOPPERS_PER_S: Final = 12.0
"""Of wall time, in each shop; each brings three events or so."""

EVERY_NUDGE: Final = """# Nothing but the cart itself decides: every abandoned cart gets its nudge, however late.
id = "every-nudge"
version = "1"
[consent]
max_age_s = 31536000
[caps]
per_shopper = 1000
[cart_nudge]
max_late_s = 31536000
expires_s = 31536000
[cart_at_risk]
enabled = false
"""


class Shop(NamedTuple):
    """A shop: the settings of its workers but for the broker, its traffic, and the log time per wall time.

    `scripted`: what must come of its shoppers is known beforehand. `speed` is 0 where log time is the wall clock's.
    """

    settings: Settings
    traffic: Traffic
    speed: float
    scripted: bool

    @property
    def name(self) -> str:
        """What its topics and its group are called."""
        return self.settings.app_id


def rules_shop(folder: Path, broker: str, seed: int) -> Shop:
    """Rules alone, on log time."""
    policy = folder / "every-nudge.toml"
    policy.write_text(EVERY_NUDGE)
    settings = _settings(
        "rules",
        broker,
        clock="topic",
        cart_idle_s=RULES_IDLE_S,
        model="",
        policy=str(policy),
        shoppers_in_memory=IN_MEMORY,
    )
    gap_ms = 1_000 * LOG_SPEED / SHOPPERS_PER_S
    return Shop(settings, Traffic(seed, START_MS, round(RULES_IDLE_S * 1_000), gap_ms), LOG_SPEED, scripted=True)


def model_shop(broker: str, triton: str, found: Settings, seed: int) -> Shop:
    """The model, and the policy of `found`, on the wall clock."""
    settings = _settings(
        "model",
        broker,
        clock="wall",
        cart_idle_s=WALL_IDLE_S,
        lateness_s=WALL_LATENESS_S,
        score_every_s=1.0,
        inference_deadline_ms=PATIENT_MS,
        triton=triton,
        model=found.model,
        models_dir=found.models_dir,
        policy=found.policy,
        instance_id="model",
    )
    traffic = Traffic(seed + 1, time.time_ns() // 1_000_000, round(WALL_IDLE_S * 1_000), 1_000 / SHOPPERS_PER_S)
    return Shop(settings, traffic, 0.0, scripted=False)


def _settings(name: str, broker: str, **own: object) -> Settings:
    """The settings of a shop on a cluster of three."""
    common = Settings(
        broker=broker,
        app_id=name,
        topic_prefix=f"{name}.",
        timeline_partitions=PARTITIONS,
        replication=3,
        transactions="on",
        commit_every_s=COMMIT_EVERY_S,
        session_timeout_s=SESSION_S,
        metrics_port=0,
    )
    return msgspec.structs.replace(common, **own)

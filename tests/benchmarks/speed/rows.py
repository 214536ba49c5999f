"""What a measurement says: one row of the table, one object of the JSON."""

import os

import msgspec

from speed.usage import Usage


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One system over `events` events. `note` says what is special, or why there is no figure."""

    name: str
    events: int = 0
    seconds: float = 0.0
    events_per_s: float = 0.0
    cpu_s_per_million: float = 0.0
    rss_mb: float = 0.0
    triton_cpu_s_per_million: float | None = None
    scored_share: float | None = None
    records_out: dict[str, int] = {}
    load_average: float = 0.0
    note: str = ""


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """From produce to intervention, at a steady rate. Milliseconds; cores are CPU seconds per second."""

    events_per_s: float
    seconds: float
    interventions: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    worker_cores: float
    triton_cores: float
    scored_share: float
    load_average: float


def row(name: str, events: int, begin: Usage, end: Usage, rss: float) -> Row:
    """A row from what was used when the first event came, and when the last one was done."""
    seconds = end.at_s - begin.at_s
    return Row(
        name=name,
        events=events,
        seconds=round(seconds, 2),
        events_per_s=round(events / seconds),
        cpu_s_per_million=round((end.cpu_s - begin.cpu_s) / events * 1e6, 2),
        rss_mb=round(rss),
        load_average=load_average(),
    )


def load_average() -> float:
    """How busy the machine was in the last minute: processes that run or want to."""
    return round(os.getloadavg()[0], 1)

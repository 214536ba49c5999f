"""The figures as a table for people or as one JSON object, with the ratios that are aimed at."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec

from speed.rows import Latency, Row
from speed.run_peer import Streams

STREAMS: Final = Streams("at_least_once", 30_000)
STREAMS_1S: Final = Streams("at_least_once", 1_000)
STREAMS_EOS: Final = Streams("exactly_once_v2", 100)
FAUST: Final = "Faust, table"
DECIDE: Final = "Kairos, decide alone"
WHOLE: Final = "Kairos, whole path, no model"


class Aim(NamedTuple):
    """One thing to reach: what, the figure, what it should be, and whether it is."""

    what: str
    figure: float
    aim: str
    reached: bool


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All that a run measured. Parts that were not run are missing."""

    cores: int
    rows: list[Row]
    latency: Latency | None = None
    latency_note: str = ""


def aims(report: Report) -> list[Aim]:
    """What is aimed at, as far as it was measured."""
    found = {row.name: row for row in report.rows if row.events}
    made = [
        _ratio("decide alone / Kafka Streams, CPU", found, (DECIDE, STREAMS.title), 0.25),
        _ratio("whole path, no model / Kafka Streams, CPU", found, (WHOLE, STREAMS.title), 0.5),
        _ratio("decide alone / Kafka Streams that commits each second, CPU", found, (DECIDE, STREAMS_1S.title), 0.25),
        _ratio("whole path / Kafka Streams that commits each second, CPU", found, (WHOLE, STREAMS_1S.title), 0.5),
        _ratio("whole path, no model / Faust with a table, CPU", found, (WHOLE, FAUST), 1 / 50),
    ]
    whole, latency = found.get(WHOLE), report.latency
    if whole:
        reached = whole.events_per_s >= 80_000
        made.append(Aim("whole path, events/s in one process", whole.events_per_s, ">= 80,000", reached))
    if latency:
        cores, p99 = latency.worker_cores, latency.p99_ms
        made.append(Aim("2,000 events/s: cores of the worker", cores, "< 0.4", cores < 0.4))
        made.append(Aim("2,000 events/s: p99 produce to intervention, ms", p99, "< 200", p99 < 200))
    return [aim for aim in made if aim is not None]


def as_json(report: Report) -> bytes:
    """One JSON object."""
    plain: dict[str, Any] = msgspec.to_builtins(report)
    return msgspec.json.encode({**plain, "aims": [aim._asdict() for aim in aims(report)]})


def as_table(report: Report) -> str:
    """Lines for a terminal."""
    head = f"{'what':<34}{'events':>10}{'events/s':>10}{'CPU s/M':>9}{'Triton':>8}{'RSS MB':>8}{'scored':>8}{'load':>6}"
    lines = [head, *map(_line, report.rows)]
    if report.latency is not None:
        lines += ["", _latency(report.latency)]
    lines += [report.latency_note] if report.latency_note else []
    lines += [
        "",
        *(f"{'ok ' if aim.reached else 'NOT'} {aim.what}: {aim.figure:,} (aim {aim.aim})" for aim in aims(report)),
    ]
    return "\n".join(lines)


def _ratio(what: str, found: dict[str, Row], names: Sequence[str], limit: float) -> Aim | None:
    if any(name not in found for name in names):
        return None
    ours, theirs = (found[name].cpu_s_per_million for name in names)
    return Aim(what, round(ours / theirs, 4), f"<= {limit:g}", ours / theirs <= limit)


def _line(row: Row) -> str:
    if not row.events:
        return f"{row.name:<34}{row.note}"
    triton = "" if row.triton_cpu_s_per_million is None else f"{row.triton_cpu_s_per_million:.1f}"
    scored = "" if row.scored_share is None else f"{row.scored_share:.1%}"
    figures = f"{row.events:>10,}{row.events_per_s:>10,.0f}{row.cpu_s_per_million:>9.2f}{triton:>8}{row.rss_mb:>8.0f}"
    out = ", ".join(f"{count:,} {name}" for name, count in row.records_out.items() if count)
    return (
        f"{row.name:<34}{figures}{scored:>8}{row.load_average:>6.1f}"
        + (f"\n    out: {out}" if out else "")
        + (f"\n    {row.note}" if row.note else "")
    )


def _latency(it: Latency) -> str:
    waits = f"p50 {it.p50_ms} ms, p99 {it.p99_ms} ms, max {it.max_ms} ms"
    return (
        f"{it.events_per_s:,.0f} events/s for {it.seconds:.0f} s, {it.scored_share:.1%} of them scored, "
        f"{it.interventions:,} interventions\n"
        f"    produce to seen by a reader of committed records: {waits}\n"
        f"    worker {it.worker_cores} cores, Triton {it.triton_cores}; load {it.load_average}"
    )

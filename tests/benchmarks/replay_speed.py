"""How fast a replay is, and in how much memory: by rules, and with the model.

    python tests/benchmarks/replay_speed.py [--hours H] [--shoppers N] [--json]

CPU time of one process is what counts, so that a busy machine does not change the figures much; wall time stands beside
it. The log is a simulated shop's, as events (JSON, which have to be ingested) and as the timeline that a replay kept.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from schemas.topics import TIMELINE
from streams.simulate import START_MS
from streams.simulator.log import write_arrival
from streams.simulator.rates import Rates
from streams.simulator.shop import Shop

ROOT = Path(__file__).parents[2]
HOUR_MS = 3_600_000
"""Of log time, in which the shoppers come once."""


def write_log(path: Path, shoppers: int, hours: int) -> int:
    """A shop's log, without broken records: how many records it has."""
    with path.open("wb") as file:
        count = 0
        for arrival in Shop(7, Rates(malformed=0)).open(shoppers, START_MS, START_MS + hours * HOUR_MS):
            write_arrival(file, arrival)
            count += 1
    return count


def measured(log: Path, *options: str) -> dict[str, Any]:
    """A replay in a process of its own: events, CPU and wall seconds, peak memory, of it and of its workers."""
    program = [sys.executable, __file__, "--replay", str(log), *options]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def replay_here(log: str, options: list[str]) -> None:
    """Replay in this process, and print what it took. What is imported and loaded before does not count."""
    from streams.quiet import quiet  # noqa: PLC0415
    from streams.replay.engine import run  # noqa: PLC0415
    from streams.replay.plan import Options, planned  # noqa: PLC0415
    from streams.settings import Settings  # noqa: PLC0415

    by, processes = options
    settings = Settings(model="abandon_lstm" if by == "model" else "")
    plan = planned(log, Options(by=by, processes=int(processes)), settings)  # type: ignore[arg-type]
    quiet()
    began_s, cpu_s = time.monotonic(), cpu()
    summary = run(plan)
    used = {"events": summary.input.read, "scores": summary.scores, "cpu_s": cpu() - cpu_s}
    peak_mb = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024
    print(json.dumps(used | {"wall_s": time.monotonic() - began_s, "peak_mb": peak_mb}))


def cpu() -> float:
    """CPU seconds of this process and of its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def main() -> None:
    """Print the table, or one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=int, default=4)
    parser.add_argument("--shoppers", type=int, default=8_000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--replay", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.replay:
        replay_here(given.replay[0], given.replay[1:])
        return
    with tempfile.TemporaryDirectory() as folder:
        figures = table(Path(folder), given.shoppers, given.hours)
    if given.json:
        print(json.dumps(figures))
        return
    for name, row in figures.items():
        per_core = row["events"] / row["cpu_s"]
        print(
            f"{name:40} {row['events']:>9,} events  {row['scores']:>8,} scores  {per_core:>8,.0f}/s a core  "
            f"{row['events'] / row['wall_s']:>8,.0f}/s  {row['peak_mb']:>6,.0f} MB"
        )


def table(folder: Path, shoppers: int, hours: int) -> dict[str, dict[str, Any]]:
    """The figures by name."""
    log, kept, found = folder / "events.jsonl", folder / "kept", {}
    write_log(log, shoppers, hours)
    program = [sys.executable, "-c", "from streams.cli import main; main()", "replay", str(log), "--scores", "rules"]
    subprocess.run([*program, "--out", str(kept), "--keep-timeline"], cwd=ROOT, check=True, capture_output=True)
    timeline = kept / TIMELINE.name
    found["events, rules, 1 process"] = measured(log, "rules", "1")
    found["timeline, rules, 1 process"] = measured(timeline, "rules", "1")
    found["timeline, rules, 2 processes"] = measured(timeline, "rules", "2")
    found["events, model, 2 processes"] = measured(log, "model", "2")
    found["timeline, model, 2 processes"] = measured(timeline, "model", "2")
    return found


if __name__ == "__main__":
    main()

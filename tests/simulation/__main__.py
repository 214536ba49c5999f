"""`python -m tests.simulation --seed S`: the run of one seed, or of several from it on, with or without a mistake."""

import argparse
import gc
import os
import sys
import time

if os.environ.get("PYTHONHASHSEED") != "0":  # Faust keeps sets of names: their order is part of a run
    os.execve(
        sys.executable, [sys.executable, "-m", "tests.simulation", *sys.argv[1:]], {**os.environ, "PYTHONHASHSEED": "0"}
    )

from tests.simulation.mistakes import MISTAKES
from tests.simulation.runs import run
from tests.simulation.worker import Parts


def main() -> int:
    """Print what was seen; 1 where a seed failed."""
    arguments = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    arguments.add_argument("--seed", type=int, default=0, help="the first seed")
    arguments.add_argument("--runs", type=int, default=1, help="how many seeds")
    arguments.add_argument("--mistake", choices=list(MISTAKES), help="build this one in")
    arguments.add_argument("--until-noticed", action="store_true", help="stop at the first seed that fails")
    arguments.add_argument("--digest", action="store_true", help="print the digest of each run")
    asked = arguments.parse_args()
    sys.unraisablehook = lambda _: None  # what is broken off when a world ends complains, and to nobody
    parts = MISTAKES[asked.mistake] if asked.mistake else Parts()
    gc.freeze()  # what was imported is not looked through after each run
    began_s, bad, done = time.process_time(), 0, 0
    for seed in range(asked.seed, asked.seed + asked.runs):
        seen = run(seed, parts)
        bad, done = bad + bool(seen.violations), done + 1
        if asked.digest:
            print(f"seed {seed}: digest {seen.digest}", flush=True)
        if asked.runs == 1:
            print("\n".join(seen.happened))
        for violation in seen.violations:
            print(f"seed {seed}: {violation}", flush=True)
        if seen.violations:
            more = f" --mistake '{asked.mistake}'" if asked.mistake else ""
            print(f"again, alone: python -m tests.simulation --seed {seed}{more}", flush=True)
        if seen.violations and asked.until_noticed:
            break
    print(f"{done} runs, {bad} with violations, {time.process_time() - began_s:.1f} s of CPU time")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())

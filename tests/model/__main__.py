"""`python -m tests.model --seed S`: the run of one seed, or of several from it on, with or without a mistake."""

import argparse
import time

from tests.model.mistakes import MISTAKES
from tests.model.runs import run
from tests.model.world import Parts


def main() -> None:
    """Print what was seen."""
    arguments = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    arguments.add_argument("--seed", type=int, default=0, help="the first seed")
    arguments.add_argument("--runs", type=int, default=1, help="how many seeds")
    arguments.add_argument("--mistake", choices=list(MISTAKES), help="build this one in")
    asked = arguments.parse_args()
    parts = MISTAKES[asked.mistake] if asked.mistake else Parts()
    began_s, bad, crashes, steps = time.process_time(), 0, 0, 0
    for seed in range(asked.seed, asked.seed + asked.runs):
        done = run(seed, parts)
        bad, crashes, steps = bad + bool(done.violations), crashes + done.crashes, steps + done.steps
        if done.violations:
            print(f"seed {seed}: {', '.join(sorted(done.violations))}", flush=True)
    took_s = time.process_time() - began_s
    print(f"{asked.runs} runs, {bad} with violations, {crashes} crashes, {steps} steps, {took_s:.1f} s")


if __name__ == "__main__":
    main()

"""What made-up examples are worth: models that learned from them, tested on real ones that nobody learned from.

    kairos simulate --seed 7 --shoppers 1000 --duration 21d --out shop
    python tests/benchmarks/judge_gan.py shop --epochs 8

Train on synthetic, test on real (Esteban et al. 2017): an lstm learns from the real training part, from a GAN's
examples (as many), from those of the same generator without its critic, and from examples whose events know nothing of
each other (`independent`). Then the log is short: of the shoppers of the training part only a share is left, a GAN
learns from those alone, and its examples are added. The few real ones twice and three times: what is only more steps.
Early stopping and temperatures: where only made-up examples are learned from, by a seventh of those; else by the real
validation part. The log may also be a file of examples (`kairos examples`).
"""

import argparse
from pathlib import Path

import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table

from inference.dataset import Examples, Split, are_examples, gather, read_examples, split
from inference.marginals import beside, independent
from inference.synthesise import GanPlan, learn, synthetic
from inference.train import Plan, train
from streams.replay.examples import examples

CONSOLE = Console(width=150)
HEADS = ("abandon_30m", "purchase_1h", "purchase_24h")


def made_by_gan(real: Examples, count: int, plan: GanPlan) -> Examples:
    gan = learn(real, plan, lambda _: None)
    CONSOLE.print(f"a GAN of {len(real):,} examples: {plan.epochs} epochs, {gan.facts['hours'] * 60:.1f} minutes")
    return synthetic(gan, real, count, plan.seed)


def alone(made: Examples, parts: Split) -> Split:
    """Training and validation on what was made up: the test part is the only real one."""
    held = np.random.default_rng(0).random(len(made)) < 1 / 7
    return parts._replace(train=made[~held], validation=made[held])


def judged(table: Table, name: str, parts: Split, seeds: int) -> None:
    """A row: mean and deviation over the seeds of PR-AUC and ROC-AUC on the real test part."""
    reports = [train(parts, Plan(epochs=6, seed=seed), lambda _: None).facts["report"]["test"] for seed in range(seeds)]
    cells = []
    for head in HEADS:
        for area in ("pr_auc", "roc_auc"):
            found = [report[head][area] for report in reports]
            cells.append(f"{np.mean(found):.4f} ± {np.std(found):.4f}")
    table.add_row(name, f"{len(parts.train):,}", *cells)
    CONSOLE.print(name, *cells)


def table_of(title: str) -> Table:
    return Table("learned from", "examples", *(f"{h} {a}" for h in HEADS for a in ("PR-AUC", "ROC-AUC")), title=title)


def on_synthetic(parts: Split, plan: GanPlan, seeds: int) -> None:
    real, table = parts.train, table_of("train on synthetic, test on real")
    made = made_by_gan(real, len(real), plan)
    without = made_by_gan(real, len(real), msgspec.structs.replace(plan, alone=1.0))
    blind = independent(real, np.random.default_rng(0))
    judged(table, "real", parts, seeds)
    judged(table, "gan", alone(made, parts), seeds)
    judged(table, "without critic", alone(without, parts), seeds)
    judged(table, "independent", alone(blind, parts), seeds)
    apart = Table("total variation", "gan", "without critic", "half from half", "independent")
    other = beside(real, without)
    for name, found in beside(real, made).items():
        columns = (found["synthetic"], other[name]["synthetic"], found["half"], found["independent"])
        apart.add_row(name, *(f"{column:.3f}" for column in columns))
    CONSOLE.print(table, apart, f"{copied(made, real):.2%} of the histories of the gan are those of a real shopper")


def copied(made: Examples, real: Examples) -> float:
    """The share of made-up histories whose kinds and items are those of a real one, from the first to the last."""
    ours, theirs = (np.stack([e["history"]["kind"], e["history"]["item"]], axis=1) for e in (made, real))
    known = {row.tobytes() for row in theirs}
    return sum(row.tobytes() in known for row in ours) / len(ours)


def added(parts: Split, plan: GanPlan, one_in: int, seeds: int) -> None:
    few = parts.train[parts.train["shopper"] // 2 % one_in == 0]
    made = made_by_gan(few, 2 * len(few), plan)
    table = table_of(f"one in {one_in} shoppers of the training part")
    judged(table, "few", parts._replace(train=few), seeds)
    judged(table, "few, twice", parts._replace(train=np.concatenate([few, few])), seeds)
    judged(table, "few + gan", parts._replace(train=np.concatenate([few, made[::2]])), seeds)
    judged(table, "few, three times", parts._replace(train=np.concatenate([few, few, few])), seeds)
    judged(table, "few + twice gan", parts._replace(train=np.concatenate([few, made])), seeds)
    CONSOLE.print(table)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("log", type=Path)
    parser.add_argument("--epochs", type=int, default=20, help="of the GAN of the whole training part")
    parser.add_argument("--one-in", type=int, default=10, help="shoppers that are left of the short log")
    parser.add_argument("--seeds", type=int, default=3, help="of each lstm")
    asked = parser.parse_args()
    parts = split(read_examples(asked.log) if are_examples(asked.log) else gather(examples(asked.log)))
    on_synthetic(parts, GanPlan(epochs=asked.epochs), asked.seeds)
    added(parts, GanPlan(), asked.one_in, asked.seeds)


if __name__ == "__main__":
    main()

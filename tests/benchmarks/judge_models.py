"""How good trained models are on a log that none of them has seen: each head, beside the simulator's optimum.

    kairos simulate --seed 8 --shoppers 2000 --duration 21d --out other
    python tests/benchmarks/judge_models.py other MODEL...

MODEL is a folder that `kairos train` left. Nothing is fitted here, neither weights nor temperatures. The other log may
also be a folder of `kairos examples`. `kairos evaluate` tells more, of a part of one log.
"""

import sys
from pathlib import Path

import msgspec
import torch
from rich.console import Console
from rich.table import Table

from inference.checkpoint import load_checkpoint
from inference.dataset import Examples, are_examples, gather, read_examples
from inference.evaluate import ActionQuality, Quality
from inference.train import evaluate
from inference.trained import CHECKPOINT_FILE
from streams.replay.examples import examples


def held_out(log: Path) -> Examples:
    return read_examples(log) if are_examples(log) else gather(examples(log))


def row(name: str, quality: Quality | ActionQuality) -> list[str]:
    if isinstance(quality, ActionQuality):
        return [name, f"{quality.examples:,}", "", "", f"{quality.ece:.4f}", f"{quality.log_loss:.4f}"]
    areas = ("" if area is None else f"{area:.4f}" for area in (quality.pr_auc, quality.roc_auc))
    return [name, f"{quality.examples:,}", *areas, f"{quality.ece:.4f}", f"{quality.log_loss:.4f}"]


def judged(folder: Path, log: Examples) -> Table:
    model = load_checkpoint(folder / CHECKPOINT_FILE)
    plan, hours, machine = (model.facts[name] for name in ("plan", "hours", "machine"))
    table = Table("head", "examples", "PR-AUC", "ROC-AUC", "ECE", "log loss")
    table.title = f"{model.architecture}, seed {plan['seed']}, {model.facts['examples']['train']:,} examples"
    table.caption = f"{hours * 60:.1f} minutes, {plan['threads']} thread of {machine}"
    for name, quality in msgspec.structs.asdict(evaluate(model.model, log)).items():
        if quality is not None:
            table.add_row(*row(name, quality))
    return table


def main() -> None:
    log, *folders = map(Path, sys.argv[1:])
    torch.set_num_threads(1)
    seen = held_out(log)
    for folder in folders:
        Console(width=100).print(judged(folder, seen))


if __name__ == "__main__":
    main()

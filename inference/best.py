"""The settings that a study found best, as a file that `kairos train --settings` reads and anybody may edit."""

import json
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import msgspec

from inference.checkpoint import MODELS, built
from inference.train import Plan

BEST_FILE: Final = "best.toml"
_SETTINGS: Final = ("architecture", "seed", "threads", "epochs", "batch", "learning_rate", "sizes")
"""Fields of a plan. The device is not among them: it is the machine's."""


def write_best(path: Path, plan: Plan, told: str) -> None:
    """Write the settings of a plan, and a line on where they come from; a crash leaves this file or the one before."""
    told_of = {name: getattr(plan, name) for name in _SETTINGS if name != "sizes"}
    lines = [f"# {told}", *map(_line, told_of.items()), "", "[sizes]", *map(_line, plan.sizes.items())]
    written = path.with_name(path.name + ".new")
    written.write_text("\n".join(lines) + "\n", encoding="utf-8")
    written.replace(path)


def read_best(path: Path) -> dict[str, Any]:
    """The settings of a file. Raises `ValueError` on those that are unknown, or that no training can have."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
        _refuse_unknown(found, _SETTINGS)
        plan = msgspec.convert(found, Plan)
        _refuse_unknown([plan.architecture], MODELS)
        built(plan.architecture, plan.sizes)
    except ValueError as error:
        msg = f"expected settings to train with in {path}, got: {error}"
        raise ValueError(msg) from error
    return found


def _refuse_unknown(names: Iterable[str], known: Iterable[str]) -> None:
    if unknown := sorted(set(names) - set(known)):
        msg = f"{', '.join(unknown)}, where only {', '.join(known)} are known"
        raise ValueError(msg)


def _line(setting: tuple[str, Any]) -> str:
    name, value = setting
    return f"{name} = {json.dumps(value)}"

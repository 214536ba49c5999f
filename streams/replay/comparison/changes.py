"""In which settings two sides differ: what somebody changed, and so what explains everything else."""

from collections.abc import Iterator
from typing import Any

import msgspec

from streams.replay.comparison.facts import Changed
from streams.replay.comparison.sides import Sides
from streams.replay.engine import Plan


def changes(sides: Sides) -> tuple[Changed, ...]:
    """Every setting in which the sides differ, by its place in the policy file; then the model, and the scoring."""
    a, b = (dict(_settings(side.plan)) for side in sides)
    return tuple(Changed(what=what, a=a.get(what), b=b.get(what)) for what in a | b if a.get(what) != b.get(what))


def _settings(plan: Plan) -> Iterator[tuple[str, Any]]:
    yield from _leaves(msgspec.structs.asdict(plan.policy), "")
    if plan.by == "model":
        version = "" if plan.model.version is None else f"/{plan.model.version}"
        yield "model", f"{plan.model.repository}/{plan.model.name}{version}"
    yield "scores", plan.by


def _leaves(table: dict[str, Any], above: str) -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, msgspec.Struct):
            yield from _leaves(msgspec.structs.asdict(value), f"{above}{name}.")
        else:
            yield above + name, value

"""The two sides of a comparison: two plans of a replay over one log, which differ in policy, model or scoring."""

from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeVar

import msgspec

from streams.replay.engine import Plan
from streams.replay.plan import Options, planned
from streams.replay.recorded import told
from streams.replay.scorers import By, ByModel, ModelFile
from streams.replay.share import WHOLE
from streams.settings import Settings

T = TypeVar("T")
SideName = Literal["A", "B"]
NAMES: Final[tuple[SideName, SideName]] = ("A", "B")


class Choices(NamedTuple):
    """What the sides are told: nothing, one for both, or one for A and one for B.

    A policy is a TOML file, a model the folder of one in a Triton repository, or of one of its versions.
    """

    policies: tuple[str | Path, ...] = ()
    models: tuple[str | Path, ...] = ()
    scores: tuple[By, ...] = ()


class Side(NamedTuple):
    """One way to decide. `label` says how it differs from the other; `policy_file` is where its policy came from."""

    name: SideName
    label: str
    policy_file: str
    plan: Plan


Sides = tuple[Side, Side]


def sides(log: str, choices: Choices, options: Options, settings: Settings) -> Sides:
    """Both sides, ready to be run. Errors: one line, `ValueError` of the choices, the policies and the models, else of
    click."""
    _require_two(choices)
    a, b = (_side(log, choices, nth, options, settings) for nth in (0, 1))
    b = b._replace(plan=msgspec.structs.replace(b.plan, log=a.plan.log))  # a topic may have grown since A was planned
    if _told_apart(a) == _told_apart(b):
        fix = "name another --policy, --model or --scores for one of them"
        raise ValueError(f"expected two sides that differ, got the same twice ({a.label}); {fix}")
    for side in (a, b):
        _require_scores(side.plan)
    return a, b


def _require_scores(plan: Plan) -> None:
    """What is wrong with them is said now, not when the other side has been replayed for an hour."""
    if plan.by == "model":
        ByModel(plan.model)
    if plan.by == "recorded":
        told(plan.log, WHOLE, ())


def _require_two(choices: Choices) -> None:
    for name, given in zip(("--policy", "--model", "--scores"), choices, strict=True):
        if len(given) > len(NAMES):
            raise ValueError(f"expected {name} twice at most, one for each side, got it {len(given)} times")
    if all(len(given) < len(NAMES) for given in choices):
        fix = "give --policy, --model or --scores twice, e.g. --policy deploy/policy.toml --policy other.toml"
        raise ValueError(f"expected two sides, got one; {fix}")


def _side(log: str, choices: Choices, nth: int, options: Options, settings: Settings) -> Side:
    policy = _given(choices.policies, nth) or settings.policy
    model = _given(choices.models, nth)
    file = None if model is None else _model(Path(model))
    if file is not None:
        settings = msgspec.structs.replace(settings, models_dir=file.repository, model=file.name)
    plan = planned(log, options._replace(policy=policy, by=_given(choices.scores, nth)), settings)
    plan = plan if file is None else msgspec.structs.replace(plan, model=file)
    return Side(NAMES[nth], _label(choices, nth), str(policy), plan)


def _given(given: tuple[T, ...], nth: int) -> T | None:
    """What a side was told: its own, or what was said for both."""
    return given[nth if len(given) > 1 else 0] if given else None


def _model(folder: Path) -> ModelFile:
    """The model in a folder `<repository>/<name>` (its newest version), or `<repository>/<name>/<version>`."""
    folder = folder.resolve()
    if folder.name.isdecimal():
        return ModelFile(repository=str(folder.parents[1]), name=folder.parent.name, version=int(folder.name))
    return ModelFile(repository=str(folder.parent), name=folder.name)


def _label(choices: Choices, nth: int) -> str:
    """What is said of this side and not of the other."""
    told = [given for given in choices if len(given) > 1]
    return ", ".join(_end(given, nth) for given in told if given[0] != given[1]) or str(told[0][nth])


def _end(given: tuple[str | Path, ...], nth: int) -> str:
    """The end of a path, as much of it as tells it from the other; not the number of a version alone."""
    paths = [Path(one).parts for one in given]
    for count in range(1, max(map(len, paths)) + 1):
        ends = ["/".join(parts[-count:]) for parts in paths]
        if ends[0] != ends[1] and not ends[nth].isdecimal():
            return ends[nth]
    return str(given[nth])


def _told_apart(side: Side) -> tuple[Path, By, ModelFile | None]:
    plan = side.plan
    return Path(side.policy_file).resolve(), plan.by, plan.model if plan.by == "model" else None

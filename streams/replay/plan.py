"""From what a user asks for to the plan of a replay: the same for the command and for a notebook."""

from pathlib import Path
from typing import NamedTuple

import msgspec

from streams.app import read_policy
from streams.replay.engine import Engine, Plan, cores
from streams.replay.find import between, find_log
from streams.replay.job import IN_MEMORY
from streams.replay.logs import EventLog, LineLog, Log, TopicLog
from streams.replay.on_ray import connect
from streams.replay.reading import partition_in
from streams.replay.scorers import By, ModelFile
from streams.settings import Settings
from streams.step_rules import step_rules


class Options(NamedTuple):
    """What may be said of a replay; None for what follows from the log, the settings and the machine."""

    format_name: str | None = None
    by: By | None = None
    policy: str | Path | None = None
    processes: int | None = None
    out: str | Path | None = None
    keep_timeline: bool = False
    start: str | None = None
    end: str | None = None
    currency: str = "USD"
    engine: Engine = "processes"
    in_memory: int = IN_MEMORY


def planned(name: str, options: Options, settings: Settings) -> Plan:
    """The plan. Errors: one line, `ValueError` of the policy and the model, else of click."""
    log = between(find_log(name, options.format_name, options.currency, settings), options.start, options.end)
    by = options.by or ("model" if settings.model else "rules")
    if by == "model" and not settings.model:
        raise ValueError("expected a model's name, got none; set KAIROS_MODEL, or replay with --scores rules")
    rules = step_rules(settings)
    return Plan(
        name=name,
        log=log,
        rules=msgspec.structs.replace(rules, ask_models=False) if by == "rules" else rules,
        policy=read_policy(Path(options.policy or settings.policy)),
        by=by,
        model=ModelFile(repository=settings.models_dir, name=settings.model),
        processes=min(options.processes or _cpus(options.engine), _at_most(log)),
        engine=options.engine,
        out=None if options.out is None else str(options.out),
        keep_timeline=options.keep_timeline,
        in_memory=options.in_memory,
    )


def _cpus(engine: Engine) -> int:
    return connect() if engine == "ray" else cores()


def _at_most(log: Log) -> int:
    """As many processes as there are partitions: more would have nothing to do."""
    if isinstance(log, EventLog):
        return log.ingest.partitions
    if isinstance(log, TopicLog):
        return len(log.end)
    alone = [partition_in(file) for file in log.files]
    return len(alone) if isinstance(log, LineLog) and None not in alone else cores()

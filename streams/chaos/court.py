"""Hears the evidence of one shop: both oracles, the accounts, what stands twice, and what was aborted."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from schemas.decisions import decode_decision
from schemas.topics import DECISIONS
from streams.app import read_policy
from streams.chaos.accounts import account, appended_again
from streams.chaos.copies import aborted, strangers
from streams.chaos.evidence import Evidence
from streams.chaos.expectations import judge, missing
from streams.chaos.facts import Facts, Moment, Taken, Written, Wrong
from streams.chaos.going_back import went_back
from streams.chaos.pauses import between_interventions, between_ticks
from streams.chaos.producer import Sent
from streams.chaos.shops import Shop
from streams.replay.crash_free import Difference, differences, replay
from streams.step_rules import step_rules


class Case(NamedTuple):
    """What is to be judged: a shop, what it left on Kafka, and what its producer knows to be there."""

    shop: Shop
    evidence: Evidence
    sent: list[Sent]


def facts_of(case: Case) -> Facts:
    """What the evidence says, without what only the run knows: recoveries and exit codes."""
    evidence = case.evidence
    last = {record.key or b"": record.at_ms for record in evidence.inputs}
    return Facts(
        sent=case.sent,
        wrongs=_dated(wrongs(case), last, max(last.values(), default=0)),
        aborted=[Written(record.at_ms) for record in aborted(evidence)],
        committed=[Written(record.at_ms) for record in evidence.told],
        again=[Written(record.at_ms) for record in appended_again(evidence)],
        recovered=(),
        ticks=between_ticks(evidence),
        interventions=between_interventions(evidence),
        ended=(),
        taken=_taken(case),
    )


def wrongs(case: Case) -> Iterator[Difference]:
    """Everything that is not as it must be."""
    settings, evidence = case.shop.settings, case.evidence
    yield from missing(evidence, sum(sent.records for sent in case.sent if sent.acknowledged_ms))
    yield from account(evidence)
    yield from went_back(evidence.changes)
    yield from strangers(evidence, scripted=case.shop.scripted)
    if case.shop.scripted:
        yield from judge(evidence, round(settings.cart_idle_s * 1_000))
    recorded = evidence.recorded
    yield from differences(recorded, replay(recorded, read_policy(Path(settings.policy)), step_rules(settings)))


def _taken(case: Case) -> list[Taken]:
    """The decisions that a model was asked for. In a shop on the wall clock they tell when they were taken."""
    if not case.shop.settings.model:
        return []
    told = [record for record in case.evidence.told if record.topic == DECISIONS.name]
    decisions = sorted((decode_decision(record.value or b"") for record in told), key=lambda one: one.now_ms)
    return [Taken(decision.now_ms, decision.decision.mode) for decision in decisions]


def _dated(found: Iterable[Difference], last: Mapping[bytes, Moment], else_ms: Moment) -> list[Wrong]:
    return [Wrong(last.get(wrong.key, else_ms), wrong.kind, wrong.what) for wrong in found]

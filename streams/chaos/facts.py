"""What is known of a run, each fact with its moment: so a verdict can be given of the whole, and of any part of it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any, NamedTuple, TypeVar

import msgspec

from streams.chaos.machine import Ended
from streams.chaos.pauses import Pause
from streams.chaos.producer import Sent
from streams.replay.crash_free import Kind

Moment = int
"""Milliseconds of the wall clock."""
Span = tuple[Moment, Moment]
T = TypeVar("T", bound=tuple[Any, ...])


class Wrong(NamedTuple):
    """A difference, at the moment of the last input of the shopper whom it is about."""

    at_ms: Moment
    kind: Kind
    what: str


class Recovered(NamedTuple):
    """How many seconds after the end of faults, at `at_ms`, a shop had caught up; None: not within the limit."""

    at_ms: Moment
    took_s: float | None


class Written(NamedTuple):
    """A record was written."""

    at_ms: Moment


class Taken(NamedTuple):
    """A decision was taken, on this rung: by the model or by rules."""

    at_ms: Moment
    mode: str


class Facts(NamedTuple):
    """Everything that was counted or measured. The first field of every fact is its moment."""

    sent: Sequence[Sent]
    wrongs: Sequence[Wrong]
    aborted: Sequence[Written]
    committed: Sequence[Written]
    again: Sequence[Written]
    recovered: Sequence[Recovered]
    ticks: Sequence[Pause]
    interventions: Sequence[Pause]
    ended: Sequence[Ended]
    taken: Sequence[Taken]

    def within(self, spans: Sequence[Span]) -> "Facts":
        """Only what is of these spans of time."""

        def inside(facts: Iterable[T]) -> list[T]:
            return [fact for fact in facts if any(since <= fact[0] < until for since, until in spans)]

        return Facts(
            sent=inside(self.sent),
            wrongs=inside(self.wrongs),
            aborted=inside(self.aborted),
            committed=inside(self.committed),
            again=inside(self.again),
            recovered=inside(self.recovered),
            ticks=inside(self.ticks),
            interventions=inside(self.interventions),
            ended=inside(self.ended),
            taken=inside(self.taken),
        )


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers of a run, or of the times of one nemesis.

    `committed`: outputs. `appended_again`: timeline records that tell what an earlier one told, dropped by decide.
    `recovery_*`: from the end of a fault until all that stood on Kafka then was decided and committed.
    `longest_pause_s`: between two TICKs of a partition; `longest_silence_s`: between two interventions.
    `exit_codes`: how many workers ended with each; 128 and more: by a signal. `decisions`: by the rung they were taken
    on, where a model is asked.
    """

    attempted: int
    produced: int
    lost: int
    unexpected: int
    duplicates: int
    wrong_bytes: int
    committed: int
    appended_again: int
    aborted_copies: int
    aborted_ratio: float
    recoveries: int
    recovery_p50_s: float | None
    recovery_max_s: float | None
    longest_pause_s: float
    longest_silence_s: float
    exit_codes: dict[str, int]
    decisions: dict[str, int]


def tally(facts: Facts) -> Tally:
    """Add up."""
    kinds = Counter(wrong.kind for wrong in facts.wrongs)
    took_s = [recovered.took_s for recovered in facts.recovered if recovered.took_s is not None]
    return Tally(
        attempted=sum(sent.records for sent in facts.sent),
        produced=sum(sent.records for sent in facts.sent if sent.acknowledged_ms),
        lost=kinds["lost"],
        unexpected=kinds["unexpected"],
        duplicates=kinds["duplicates"],
        wrong_bytes=kinds["wrong_bytes"],
        committed=len(facts.committed),
        appended_again=len(facts.again),
        aborted_copies=len(facts.aborted),
        aborted_ratio=round(len(facts.aborted) / max(len(facts.committed), 1), 4),
        recoveries=len(facts.recovered),
        recovery_p50_s=round(median(took_s), 1) if took_s else None,
        recovery_max_s=round(max(took_s), 1) if took_s else None,
        longest_pause_s=_longest_s(facts.ticks),
        longest_silence_s=_longest_s(facts.interventions),
        decisions=dict(sorted(Counter(taken.mode for taken in facts.taken).items())),
        exit_codes=dict(sorted(Counter(str(ended.code) for ended in facts.ended).items())),
    )


def _longest_s(pauses: Sequence[Pause]) -> float:
    return round(max((pause.long_ms for pause in pauses), default=0) / 1_000, 1)

"""What a replay came to: the counts of the demo's summary, added up over partitions and processes."""

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Final, NamedTuple

import msgspec

from inference.answers import Answer
from schemas.dead_letters import DeadLetter
from schemas.interventions import KINDS
from schemas.shopper import Shopper
from streams.accounts import ADDED, Carts, Input
from streams.core.asks import Ask
from streams.core.outputs import Output
from streams.counts import Counts

SHOWN: Final = 20
"""So many refused rows are named: the first ones of the log, whoever came upon them."""
NO_EVENT: Final = 1 << 62
_added = attrgetter(*ADDED)


class Row(NamedTuple):
    """A row of a log by its place, two numbers that rise along the log, and in words: `file:line`."""

    place: tuple[int, int]
    where: str


class Tally(msgspec.Struct, kw_only=True):
    """Plain numbers, which travel between processes.

    `timeline` counts events, `refused` rows that are none, with `failures` by class and the first of them in `rows`.
    """

    timeline: int = 0
    refused: int = 0
    failures: dict[str, int] = msgspec.field(default_factory=dict)
    rows: list[tuple[tuple[int, int], str]] = msgspec.field(default_factory=list)
    undecided: int = 0  # asks for which no recorded score was found
    added: dict[str, int] = msgspec.field(default_factory=lambda: dict.fromkeys(ADDED, 0))
    modes: dict[str, int] = msgspec.field(default_factory=lambda: {"model": 0, "rules": 0})
    interventions: dict[str, int] = msgspec.field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    suppressed: dict[str, int] = msgspec.field(default_factory=dict)
    retractions: int = 0
    models: dict[str, int] = msgspec.field(default_factory=dict)  # decisions by name and version of the model
    begin_ms: int = NO_EVENT  # log time of the first event
    end_ms: int = -1  # and of the last one
    funnel: dict[str, dict[str, int]] = msgspec.field(default_factory=dict)  # where there was a witness

    def refuse(self, row: Row, letter: DeadLetter) -> None:
        """A row of the log could not be believed."""
        self.refused += 1
        self.failures[letter.failure] = self.failures.get(letter.failure, 0) + 1
        if len(self.rows) < SHOWN or row.place < self.rows[-1][0]:
            self.rows = sorted([*self.rows, (row.place, f"{row.where}: {letter.reason}")])[:SHOWN]

    def answered(self, ask: Ask, answer: Answer) -> None:
        """A decision was taken; a purchase needs none."""
        if ask.asked != "purchase":
            self.modes[answer.mode] = self.modes.get(answer.mode, 0) + 1
            if answer.model is not None:
                _add(self.models, {f"{answer.model.name} {answer.model.version}": 1})

    def told(self, outputs: Sequence[Output]) -> None:
        """Count what goes to topics."""
        counts = Counts()
        counts.told(outputs)
        _add(self.interventions, counts.interventions)
        _add(self.suppressed, counts.suppressed)
        self.retractions += counts.retractions.total()

    def shoppers(self, shoppers: Iterable[Shopper]) -> None:
        """Add up what has happened to shoppers of whom nothing more will be heard."""
        for shopper in shoppers:
            for name, count in zip(ADDED, _added(shopper), strict=True):
                if count:
                    self.added[name] += count

    def add(self, other: "Tally") -> None:
        """Take in what another share of the same log came to."""
        for name in ("timeline", "refused", "undecided", "retractions"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("failures", "added", "modes", "models", "interventions", "suppressed"):
            _add(getattr(self, name), getattr(other, name))
        self.rows = sorted(self.rows + other.rows)[:SHOWN]
        self.begin_ms, self.end_ms = min(self.begin_ms, other.begin_ms), max(self.end_ms, other.end_ms)
        for name, counts in other.funnel.items():
            _add(self.funnel.setdefault(name, {}), counts)

    @property
    def input(self) -> Input:
        """The records of the log."""
        return Input(
            read=self.timeline + self.refused,
            timeline=self.timeline,
            dead_letters=self.refused,
            duplicates=self.added["duplicates"],
        )

    @property
    def carts(self) -> Carts:
        """How carts ended."""
        return Carts.of(self.added)


def _add(counts: dict[str, int], more: Mapping[str, int]) -> None:
    for name, count in more.items():
        counts[name] = counts.get(name, 0) + count

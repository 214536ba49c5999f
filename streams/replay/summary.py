"""What a replay reports: as one JSON object, or as text for a person."""

from collections.abc import Mapping
from typing import Final

import msgspec

from streams.accounts import Carts, Input, counted
from streams.replay.tally import Tally

SUMMARY_FILE: Final = "summary.json"
SHOWN = 5


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The counts of the demo's summary. `complete` is False where the replay was stopped: it tells of what it did then.

    `failures` are the rows that were refused, by class, and `bad_rows` the first of them, as `file:line: reason`.
    `undecided`: decisions without a recorded one, which rules took. `funnel`: how many shoppers and sessions did what,
    where files were written; a session ends with half an hour of silence. `models`: decisions by the model's name and
    version. `from_ms` and `to_ms`: log time of the first event and of the last one. `seconds` and `events_per_s` are
    wall time's.
    """

    log: str
    format: str
    complete: bool
    input: Input
    failures: dict[str, int]
    bad_rows: list[str]
    carts: Carts
    purchases: int
    scores: int
    modes: dict[str, int]
    undecided: int
    interventions: dict[str, int]
    suppressed: dict[str, int]
    retractions: int
    funnel: dict[str, dict[str, int]] = {}
    policy: str = ""
    models: dict[str, int] = {}
    from_ms: int | None = None
    to_ms: int | None = None
    seconds: float | None = None
    events_per_s: float | None = None

    def __str__(self) -> str:
        lines = [
            ("log", f"{self.log} ({self.format})" + ("" if self.complete else "; STOPPED before its end")),
            ("input", self.input),
            ("carts", self.carts),
            ("purchases", f"{self.purchases:,}"),
            ("scores", f"{self.scores:,}: {counted(self.modes)}" + self._undecided()),
            ("interventions", f"{sum(self.interventions.values()):,}: {counted(self.interventions)}"),
            ("held back", f"{sum(self.suppressed.values()):,}: {counted(self.suppressed)}"),
            ("taken back", f"{self.retractions:,}: the shopper bought after all"),
        ]
        if self.seconds is not None and self.events_per_s is not None:
            lines.insert(2, ("speed", f"{self.events_per_s:,.0f} events/s, {self.seconds:,.1f} s"))
        if self.failures:
            lines.append(("refused", f"{self.input.dead_letters:,}: {counted(self.failures)}"))
        lines[2:2] = [(name, _came(counts)) for name, counts in self.funnel.items()]
        lines += [("", row) for row in self.bad_rows[:SHOWN]]
        return "\n".join(f"{name:<14}{text}" for name, text in lines)

    def _undecided(self) -> str:
        return f"; {self.undecided:,} were not recorded" if self.undecided else ""


def _came(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items())


def summary(name: str, format_name: str, policy: str, tally: Tally, *, complete: bool) -> Summary:
    """The summary of a run, without how long it took: the same log, the same summary."""
    return Summary(
        log=name,
        format=format_name,
        complete=complete,
        input=tally.input,
        failures=dict(sorted(tally.failures.items())),
        bad_rows=[text for _, text in tally.rows],
        carts=tally.carts,
        purchases=tally.added["orders"],
        scores=sum(tally.modes.values()),
        modes=dict(sorted(tally.modes.items())),
        undecided=tally.undecided,
        interventions=tally.interventions,
        suppressed=dict(sorted(tally.suppressed.items())),
        retractions=tally.retractions,
        funnel=tally.funnel,
        policy=policy,
        models=dict(sorted(tally.models.items())),
        from_ms=tally.begin_ms if tally.end_ms >= 0 else None,
        to_ms=tally.end_ms if tally.end_ms >= 0 else None,
    )

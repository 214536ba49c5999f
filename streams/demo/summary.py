"""What a demo reports: as one JSON object, or as text for a person."""

import msgspec

from streams.accounts import Carts, Input, counted
from streams.demo.percentiles import Latency


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """Everything is counted by its ids in the topics. `first_intervention_s` is wall time from the command's start.

    `events_per_s`: records read per second of wall time, from the first that was sent until all were decided on; the
    run-on of log time is not counted.
    """

    input: Input
    carts: Carts
    purchases: int
    scores: int
    modes: dict[str, int]
    interventions: dict[str, int]
    suppressed: dict[str, int]
    retractions: int
    first_intervention_s: float | None
    latency_ms: Latency
    events_per_s: float

    def __str__(self) -> str:
        first = (
            "none came"
            if self.first_intervention_s is None
            else f"the first {self.first_intervention_s:.1f} s after the start"
        )
        lines = (
            ("input", self.input),
            ("speed", f"{self.events_per_s:,.0f} events/s"),
            ("carts", self.carts),
            ("purchases", f"{self.purchases:,}"),
            ("scores", f"{self.scores:,}: {counted(self.modes)}"),
            ("interventions", f"{sum(self.interventions.values()):,}: {counted(self.interventions)}; {first}"),
            ("held back", f"{sum(self.suppressed.values()):,}: {counted(self.suppressed)}"),
            ("taken back", f"{self.retractions:,}: the shopper bought after all"),
            ("latency", _latency(self.latency_ms)),
        )
        return "\n".join(f"{name:<14}{text}" for name, text in lines)

    def mistake(self) -> str | None:
        """What does not add up, in one line; None where everything does."""
        read, carts = self.input, self.carts
        if read.read != read.timeline + read.dead_letters:
            return (
                f"expected every record read in the timeline or among the dead letters, got {read.read:,} read, "
                f"{read.timeline:,} in the timeline and {read.dead_letters:,} dead letters"
            )
        if carts.episodes != carts.ended:
            got = f"{carts.episodes:,} episodes, of which {carts.ended:,} have ended"
            return f"expected every cart to be resolved, got {got}"
        return None


def _latency(found: Latency) -> str:
    if found.p50 is None:
        return "none was measured"
    return f"p50 {found.p50:,.0f} ms, p99 {found.p99:,.0f} ms, max {found.max:,.0f} ms, from event to intervention"

"""What a chaos run comes to: one record for programs, and the same as text."""

from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Final, NamedTuple

import msgspec

from streams.chaos.facts import Facts, Recovered, Span, Tally, tally
from streams.chaos.machine import Ended
from streams.exit_codes import ExitCode

MODEL_BACK_S: Final = 10.0
"""When Triton is back, decisions use the model again within so many seconds."""
LIMIT_S: Final = 60.0
"""When faults stop, lag returns to 0 within so many seconds, with no human."""
TRITON: Final = "triton killed"
KILLED: Final = 137
TERMINATED: Final = 143
SHOWN: Final = 20


class Struck(NamedTuple):
    """A strike: what went wrong, from when to when. It answers for all that happens until the next one begins."""

    nemeses: tuple[str, ...]
    began_ms: int
    over_ms: int


class Run(NamedTuple):
    """How a run went, apart from what it left on Kafka. `last_codes`: of the workers that ran until the end."""

    seed: int
    workers: int
    struck: Sequence[Struck]
    ended_ms: int
    recovered: Sequence[Recovered]
    last_codes: Sequence[int | None]
    ended: Sequence[Ended]


class Verdict(Tally, frozen=True, kw_only=True):
    """The whole run, then the times of each nemesis. `strikes` is how often each of them struck."""

    clean: bool
    seed: int
    workers: int
    minutes: float
    violations: tuple[str, ...]
    strikes: dict[str, int]
    nemeses: dict[str, Tally]

    def __str__(self) -> str:
        return "\n".join(_lines(self))


def verdict(run: Run, facts: Facts) -> Verdict:
    """Judge. `facts` are of all shops, with the run's recoveries and exit codes in them."""
    spans = _spans(run)
    violations = tuple(_violations(run, facts))
    began_ms = run.struck[0].began_ms if run.struck else run.ended_ms
    return Verdict(
        clean=not violations,
        seed=run.seed,
        workers=run.workers,
        minutes=round((run.ended_ms - began_ms) / 60_000, 1),
        violations=violations,
        strikes={name: len(of) for name, of in spans.items()},
        nemeses={name: tally(facts.within(of)) for name, of in spans.items()},
        **msgspec.structs.asdict(tally(facts)),
    )


def _spans(run: Run) -> dict[str, list[Span]]:
    """For each nemesis the times that it answers for: from each of its strikes to the next strike."""
    untils = [*(struck.began_ms for struck in run.struck[1:]), 1 << 62]
    spans: dict[str, list[Span]] = {}
    for struck, until_ms in zip(run.struck, untils, strict=False):
        for name in struck.nemeses:
            spans.setdefault(name, []).append((struck.began_ms, until_ms))
    return dict(sorted(spans.items()))


def _violations(run: Run, facts: Facts) -> Iterator[str]:
    for wrong in facts.wrongs:
        yield f"{wrong.kind}: {wrong.what}"
    for recovered in run.recovered:
        if recovered.took_s is None:
            yield f"no progress: lag was not 0 {LIMIT_S:.0f} s after {_before(run, recovered.at_ms)}"
    for code in run.last_codes:
        if code != ExitCode.OK:
            yield f"a worker ended with {code} after the run, when SIGTERM asked it to: expected 0"
    for struck in run.struck:
        if TRITON in struck.nemeses and (late := _late_rules(facts, struck.over_ms)):
            yield f"{late} decisions were taken by rules more than {MODEL_BACK_S:.0f} s after Triton was back"
    stated = {*ExitCode, KILLED}
    for ended in run.ended:
        if ended.code not in stated and not (ended.code == TERMINATED and ended.newborn):
            yield f"a worker ended with {ended.code}: expected a code of `streams/exit_codes.py`"
    if not facts.sent or not facts.committed:
        yield f"nothing was shown: {len(facts.sent)} slices of events were sent, {len(facts.committed)} outputs came"


def _late_rules(facts: Facts, back_ms: int) -> int:
    """Decisions of rules that are not excused by Triton's absence: from the limit on, before the first of a model."""
    after = sorted(taken for taken in facts.taken if taken.at_ms >= back_ms)
    until_model = [taken.at_ms for taken in takewhile(lambda taken: taken.mode == "rules", after)]
    return sum(at_ms > back_ms + MODEL_BACK_S * 1_000 for at_ms in until_model)


def _before(run: Run, at_ms: int) -> str:
    struck = [struck for struck in run.struck if struck.over_ms <= at_ms]
    return " and ".join(struck[-1].nemeses) if struck else "the start"


def _lines(found: Verdict) -> Iterator[str]:
    told = "clean" if found.clean else f"{len(found.violations)} VIOLATIONS"
    yield f"chaos, seed {found.seed}, {found.workers} workers for each shop, {found.minutes:g} minutes: {told}"
    yield f"  {found.attempted:,} records attempted, {found.produced:,} acknowledged; {found.committed:,} outputs"
    yield (
        f"  lost {found.lost}, unexpected {found.unexpected}, duplicates {found.duplicates}, "
        f"wrong bytes {found.wrong_bytes}"
    )
    if found.decisions:
        yield f"  decisions where a model is asked: {_counted(found.decisions)}"
    yield f"  aborted copies, for who does not read committed: {found.aborted_copies} ({found.aborted_ratio:.2%})"
    yield f"  appended once more by ingest, and dropped by decide: {found.appended_again}"
    yield ""
    yield f"  {'':<18}{'strikes':>8}{'recovery p50':>14}{'max':>8}{'pause':>8}{'aborted':>9}  exit codes of workers"
    yield _row("all", sum(found.strikes.values()), found)
    for name, part in found.nemeses.items():
        yield _row(name, found.strikes[name], part)
    yield "  (recovery: s from the end of the fault until lag is 0; pause: s between two TICKs of a partition)"
    if found.violations:
        yield ""
        yield from found.violations[:SHOWN]
        if len(found.violations) > SHOWN:
            yield f"... and {len(found.violations) - SHOWN} more (--json tells all)"


def _row(name: str, strikes: int, part: Tally) -> str:
    codes = _counted(part.exit_codes)
    p50, longest = ("-" if took_s is None else f"{took_s:.1f}" for took_s in (part.recovery_p50_s, part.recovery_max_s))
    return f"  {name:<18}{strikes:>8}{p50:>14}{longest:>8}{part.longest_pause_s:>8.1f}{part.aborted_copies:>9}  {codes}"


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{name}: {count:,}" for name, count in counts.items())

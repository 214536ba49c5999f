"""`kairos simulate`: a simulated shop's log and its truth, in files."""

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.progress import Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from streams.feed import Arrival
from streams.simulate import START_MS
from streams.simulator.log import truth_sink, write_arrival
from streams.simulator.rates import Rates
from streams.simulator.shop import Shop

_UNITS_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_QUIET_S = 2.0
"""What takes no longer shows no progress."""
_SHARE = click.FloatRange(0, 1)


class Duration(click.ParamType):
    """A number and a unit, as milliseconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Fails with one line on anything else."""
        found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", str(value))
        if found is None or float(found[1]) == 0:
            self.fail(f"expected a duration above 0 as 90s, 30m, 12h or 2d, got {value!r}", param, ctx)
        return int(float(found[1]) * _UNITS_MS[found[2]])


@click.command()
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A folder, or a file that ends in .jsonl.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="The same seed, the same bytes.")
@click.option("--shoppers", type=click.IntRange(1), default=2_000, show_default=True, help="How many come.")
@click.option("--duration", type=Duration(), default="2d", show_default=True, help="Log time in which they come.")
@click.option("--duplicates", type=_SHARE, default=Rates().duplicates, show_default=True, help="Events sent twice.")
@click.option("--late", type=_SHARE, default=Rates().late, show_default=True, help="Events that come minutes late.")
@click.option("--malformed", type=_SHARE, default=Rates().malformed, show_default=True, help="Broken records beside.")
@click.option("--bots", type=_SHARE, default=Rates().bots, show_default=True, help="Visitors that are bots.")
@click.option("--nudged-by", "policy", type=click.Path(path_type=Path), help="Some shoppers answer the nudges of this "
              "policy file, taken by rules, with an order; large carts more often.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def simulate(  # one parameter for each option
    out: Path, seed: int, shoppers: int, duration: int, policy: Path | None, as_json: bool, **rates: float
) -> None:
    """Write a simulated shop's log as JSON Lines, and beside it truth.jsonl.

    A line of the log is one record: at_ms (log time of its arrival), topic, key, and value (value_base64 where it is
    no text). A line of the truth is either what became of a cart, or the exact probability, at one event, that an
    open cart will be abandoned. Rates are shares of 1.
    """
    answered, (events, truth) = _answered(policy, seed), _files(out)
    try:
        with ExitStack() as files:
            log, facts = files.enter_context(events.open("wb")), files.enter_context(truth.open("wb"))
            shop = Shop(seed, Rates(**rates), truth_sink(facts))
            for arrival in _shown(answered(shop.open(shoppers, START_MS, START_MS + duration)), duration):
                write_arrival(log, arrival)
    except OSError as error:
        msg = f"cannot write {error.filename or events}: {error.strerror}; choose another --out"
        raise click.ClickException(msg) from None
    click.echo(_summary(events, truth, shop.noise.sent, as_json=as_json))


def _answered(policy: Path | None, seed: int) -> Callable[[Iterator[Arrival]], Iterator[Arrival]]:
    """What makes of a shop's arrivals those of one that answers the nudges of this policy, where there is one."""
    if policy is None:
        return lambda arrivals: arrivals
    from streams.app import read_policy  # noqa: PLC0415  Faust takes long to load
    from streams.simulator.answering import Effect, answering  # noqa: PLC0415

    try:
        rules = read_policy(policy)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    return lambda arrivals: answering(arrivals, rules, Effect(), seed)


def _files(out: Path) -> tuple[Path, Path]:
    folder = out.parent if out.suffix == ".jsonl" else out
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise click.ClickException(f"cannot make {folder}: {error.strerror}; choose another --out") from None
    events = out if out.suffix == ".jsonl" else folder / "events.jsonl"
    truth = folder / "truth.jsonl"
    if events == truth:
        raise click.ClickException("the truth is written to truth.jsonl; give the log another name in --out")
    return events, truth


def _shown(arrivals: Iterable[Arrival], duration_ms: int) -> Iterator[Arrival]:
    """The arrivals; how far log time is shows on standard error once it takes long."""
    columns = (TextColumn("simulate"), TaskProgressColumn(show_speed=False), TimeRemainingColumn())
    begun_s = time.monotonic()
    with ExitStack() as stack:
        progress = Progress(*columns, console=Console(stderr=True), transient=True)
        task = progress.add_task("simulate", total=duration_ms)
        for number, arrival in enumerate(arrivals):
            if number % 5_000 == 0 and time.monotonic() - begun_s > _QUIET_S:
                if not progress.live.is_started:
                    stack.enter_context(progress)
                progress.update(task, completed=min(arrival.at_ms - START_MS, duration_ms))
            yield arrival


def _summary(events: Path, truth: Path, sent: Counter[str], *, as_json: bool) -> str:
    if as_json:
        summary = {"events": str(events), "truth": str(truth), "sent": dict(sorted(sent.items()))}
        return msgspec.json.encode(summary).decode()
    counts = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in sorted(sent.items()))
    return f"{events}: {counts}\n{truth}: what became of the carts, and what could be expected"

"""`kairos estimate`: what another policy would have earned."""

from pathlib import Path

import click
import msgspec
from rich.console import Console

from streams.commands.settings import current
from streams.quiet import quiet
from streams.replay.offpolicy.earned import Earned, earned
from streams.replay.offpolicy.estimate import Estimate
from streams.replay.offpolicy.orders import REWARDS, Reward
from streams.replay.plan import Options, planned


@click.command()
@click.argument("log", metavar="LOG")
@click.option("--policy", type=click.Path(path_type=Path), required=True, help="The policy file to judge.")
@click.option("--reward", type=click.Choice(list(REWARDS)), default="bought", show_default=True,
              help="; ".join(f"{name}: {about}" for name, about in REWARDS.items()) + ".")  # fmt: skip
@click.option("--processes", type=click.IntRange(1), help="How many replay side by side.  [default: one for each core]")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of the bootstrap.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout, and nothing else.")
def estimate(  # one parameter for each option
    *, log: str, policy: Path, reward: Reward, processes: int | None, seed: int, as_json: bool
) -> None:
    """Estimate what another policy's cart nudges would have earned, from LOG: a recorded timeline and its decisions.

    LOG is a topic (kafka://HOST:PORT/shop.timeline.v1), or a folder of `kairos replay --keep-timeline`. It must have
    been decided by a policy with [explore], whose share of nudges was left to a coin: where the coin did what the other
    policy would do, what came of that was seen. Rewards are per decided nudge, sent or held back, with 95 % intervals.

    Estimators: ips, inverse propensity score; snips, self-normalised; dm, direct method (a model alone); dr, doubly
    robust; switch_dr. Trust dr first. Where the warning says that the overlap is too thin, trust none.
    """
    quiet()
    try:
        plan = planned(log, Options(by="recorded", policy=policy, processes=processes), current())
        with Console(stderr=True).status("replaying the timeline under the other policy"):
            found = earned(plan, reward, seed)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    click.echo(msgspec.json.encode(found) if as_json else _text(found))


def _text(found: Earned) -> str:
    told, over = found.estimates, found.estimates.overlap
    left = found.left_out
    left_out = f"{left.unfinished:,} younger than 24 h, {left.unsupported:,} never left to chance"
    head = [
        ("log", f"{found.log}: {found.decisions:,} cart nudges decided by {', '.join(found.logged)}"),
        ("chance", f"{found.by_chance:.1%} of them were left to a coin"),
        ("policy", found.policy),
        ("reward", REWARDS[found.reward]),
        ("left out", f"{left_out}, {left.unmatched:,} that do not come up under the other policy"),
        ("overlap", f"{over.rows:,} decisions count as {over.effective:,.0f}; {over.clusters:,} shoppers; "
                    f"mean weight {over.mean_weight:.3f}, 1 expected"),
    ]  # fmt: skip
    lines = [f"{name:<10}{text}" for name, text in head]
    lines += [f"{'WARNING':<10}{warning}" for warning in found.warnings]
    lines += [
        "",
        f"{'':<11}{'value':>10}  {'95 % interval':<24}{'bootstrap':<24}{'more than logged':>16}  95 % interval",
    ]
    lines.append(_row("logged", told.logged, None))
    lines += [_row(name, one, told.gain[name]) for name, one in told.policy.items()]
    return "\n".join(lines)


def _row(name: str, one: Estimate, gain: Estimate | None) -> str:
    row = f"{name:<11}{one.value:>10.4f}  {_span(one.analytic):<24}{_span(one.bootstrap):<24}"
    return row.rstrip() if gain is None else f"{row}{gain.value:>+16.4f}  {_span(gain.analytic)}"


def _span(interval: tuple[float, float] | None) -> str:
    return "unknown" if interval is None else "{:.4f} to {:.4f}".format(*interval)

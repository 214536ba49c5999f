"""`kairos replay`: a recorded log through the live decision path."""

import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import msgspec
from rich.console import Console

from streams.commands.log_options import log_options
from streams.commands.replay_bar import shown
from streams.commands.settings import current
from streams.quiet import quiet
from streams.replay.engine import Engine, Plan, run
from streams.replay.plan import Options, planned
from streams.replay.report.report import require_report, write_reports
from streams.replay.scorers import By
from streams.replay.verify import verify as verified

STOPPED = 130
"""What a command that was ended by Ctrl-C exits with."""


@click.command()
@click.option("--scores", "by", type=click.Choice(["model", "rules", "recorded"]),
              help="From the model of KAIROS_MODEL in this process, from no model, or as recorded with the log.  "
              "[default: model; rules where KAIROS_MODEL is empty]")  # fmt: skip
@click.option("--policy", type=click.Path(path_type=Path), help="A policy file.  [default: KAIROS_POLICY]")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="A new folder for what comes out.")
@click.option("--report", "reports", type=click.Path(dir_okay=False, path_type=Path), multiple=True, metavar="FILE",
              help="Write a report: a page (.html), or its figures (.json). May be given twice.")  # fmt: skip
@click.option("--keep-timeline", is_flag=True, help="Write the timeline to --out too: it can be replayed from there.")
@click.option("--verify", is_flag=True, help="Take the recorded decisions of a timeline again, compare what comes of "
              "them with what was emitted, and list every difference by cause. Needs the policy and the settings of "
              "the run; --scores rules where it had no model.")  # fmt: skip
@log_options
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout, and nothing else.")
def replay(  # noqa: PLR0913  # one parameter for each option
    *,
    log: str,
    format_name: str | None,
    by: By | None,
    policy: Path | None,
    processes: int | None,
    engine: Engine,
    in_memory: int,
    out: Path | None,
    reports: tuple[Path, ...],
    keep_timeline: bool,
    start: str | None,
    end: str | None,
    currency: str,
    verify: bool,
    as_json: bool,
) -> None:
    """Run LOG through the live decision path: what would have been decided, in virtual time and without a broker.

    LOG is a file, a folder, or a topic of a broker: kafka://HOST:PORT/shop.timeline.v1. Files may be packed with gzip
    or zstd. With --out, each topic becomes a folder with a file of JSON Lines for each timeline partition. The same log
    gives the same bytes, whatever the number of processes.

    Ctrl-C stops it: what was decided until then is in --out, every line whole, and the summary says that it is not
    complete. It then exits with 130.
    """
    if keep_timeline and out is None:
        raise click.UsageError("--keep-timeline needs --out: the folder that the timeline is written to")
    if verify and any((start, end, out, reports)):
        raise click.UsageError(
            "--verify compares a whole run and writes nothing: leave --from, --to, --out and --report away"
        )
    if verify and engine == "ray":
        raise click.UsageError("--verify works in processes of this machine: leave --engine away")
    require_report(reports)
    options = Options(format_name, by, policy, processes, out, keep_timeline, start, end, currency, engine, in_memory)
    try:
        plan = planned(log, options, current())
        if verify:
            _verify(plan, as_json=as_json)
        else:
            _run(plan, reports, as_json=as_json)
    except ValueError as error:
        raise click.ClickException(str(error)) from None


def _run(plan: Plan, reports: tuple[Path, ...], *, as_json: bool) -> None:
    quiet()
    with ExitStack() as kept:
        if reports and plan.out is None:
            folder = kept.enter_context(TemporaryDirectory(prefix="kairos-replay-"))
            plan = msgspec.structs.replace(plan, out=folder)
        with shown() as phase:
            summary = run(plan, phase)
        if reports:
            with Console(stderr=True).status("writing the report"):
                write_reports(Path(str(plan.out)), reports)
    click.echo(msgspec.json.encode(summary) if as_json else summary)
    if not summary.complete:
        sys.exit(STOPPED)


def _verify(plan: Plan, *, as_json: bool) -> None:
    with Console(stderr=True).status("replaying the timeline"):
        verdict = verified(plan.log, plan.policy, plan.rules, plan.processes)
    click.echo(msgspec.json.encode(verdict) if as_json else verdict)
    if verdict.differences:
        sys.exit(1)

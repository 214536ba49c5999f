"""`kairos demo`: the main job in a minute."""

import asyncio
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import msgspec

from inference.client.ready import NotReadyError
from inference.repository import ModelMissingError
from inference.server import TritonMissingError
from streams.commands.settings import current
from streams.demo.live import View, view
from streams.demo.plan import Plan, demo_settings
from streams.demo.readback import NotReadToTheEnd
from streams.demo.servers import running_servers, runs_in_process, without_triton
from streams.demo.session import Session
from streams.demo.summary import Summary
from streams.demo.worker_process import start_worker
from streams.embedded.ports import PortTakenError
from streams.embedded.process import ServerError, server_folder
from streams.feeder import run_on_ms
from streams.replay.formats.table import FORMATS, RecordedLog
from streams.settings import Settings
from streams.topics import create

ONE_LINERS = (ModelMissingError, TritonMissingError, NotReadyError, PortTakenError, ServerError, NotReadToTheEnd)


@click.command()
@click.option("--duration", "duration_s", type=click.FloatRange(min=0, min_open=True), default=60.0, show_default=True,
              help="Wall time in seconds of the simulated shop; starting and counting come on top.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="The same seed, the same shop.")
@click.option("--shoppers", type=click.IntRange(1), default=1_000, show_default=True, help="How many come.")
@click.option("--speed", type=click.FloatRange(min=0), default=600.0, show_default=True,
              help="Log time per wall time. 0, for a recorded log: as fast as possible.")  # fmt: skip
@click.option("--events", type=click.Path(path_type=Path), help="Feed this recorded log to its end instead.")
@click.option("--format", "format_name", type=click.Choice(list(FORMATS)), help="Found by looking where not given.")
@click.option("--broker", metavar="HOST:PORT", help="A broker that runs already; the demo makes topics of its own.")
@click.option("--apache-kafka", is_flag=True, help="A real Apache Kafka on the local JVM, not the embedded broker.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout, and nothing else.")
def demo(  # noqa: PLR0913  # one parameter for each option
    *,
    duration_s: float,
    seed: int,
    shoppers: int,
    speed: float,
    events: Path | None,
    format_name: str | None,
    broker: str | None,
    apache_kafka: bool,
    as_json: bool,
) -> None:
    """Show the main job on this machine: a broker, Triton, a worker, a shop, and the interventions that come of it.

    A simulated shop is fed faster than the wall clock, and a live view shows what happens. At the end everything that
    was started is stopped, and the topics are counted.
    """
    began_s = time.time()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with _one_line():
        log = None if events is None else RecordedLog(events, format_name)
        plan = Plan(broker, apache_kafka, log, seed, shoppers, speed, duration_s)
        settings = without_triton(demo_settings(plan, current(broker)))
        _require_possible(plan, settings)
        with view(on_terminal=not as_json) as shown:
            summary = _run(plan, settings, shown, began_s)
    click.echo(msgspec.json.encode(summary) if as_json else f"{summary}\n{_remarks(plan, settings)}")
    if mistake := summary.mistake():
        raise click.ClickException(mistake)


def _run(plan: Plan, settings: Settings, shown: View, began_s: float) -> Summary:
    if runs_in_process(settings):
        click.echo("no Triton here: the worker runs the same ONNX model in its own process", err=True)
    shown.phase("starting the broker and Triton")
    with running_servers(plan, settings) as ready, server_folder("kairos-demo-") as folder:
        own = f"; their names begin with {ready.topic_prefix}" if ready.topic_prefix else ""
        shown.phase(f"creating the topics on {ready.broker}{own}")
        asyncio.run(create(ready))
        with start_worker(ready, folder) as worker:
            return asyncio.run(Session(plan, ready, worker, shown).run(began_s))


def _require_possible(plan: Plan, settings: Settings) -> None:
    if plan.broker and plan.apache_kafka:
        raise click.UsageError("--broker names a broker that runs already, --apache-kafka starts one: give one of them")
    if plan.log is not None:
        plan.log.arrivals()  # looks at the file's first line
    elif plan.open_ms(settings) <= 0:
        least_s = run_on_ms(settings) / 1000
        msg = (
            f"--duration x --speed must be more than {least_s:,.0f} s of log time: a cart is abandoned only after that"
        )
        raise click.UsageError(msg)


def _remarks(plan: Plan, settings: Settings) -> str:
    if plan.broker:
        look = f"KAIROS_TOPIC_PREFIX={settings.topic_prefix} kairos watch --from-start --broker {plan.broker}"
        return f"The topics {settings.topic_prefix}* stay on {plan.broker}: {look}"
    if plan.apache_kafka:
        return (
            "On Apache Kafka each intervention appears exactly once to readers of committed records, whatever crashes."
        )
    return (
        "The embedded broker has no transactions and no disk: nothing is promised across a crash. "
        "--apache-kafka shows the same on a real Kafka."
    )


@contextmanager
def _one_line() -> Iterator[None]:
    """Errors of the parts, in one line each; an end by signal is said as such."""
    try:
        yield
    except ONE_LINERS as exc:
        raise click.ClickException(str(exc)) from None
    except (asyncio.CancelledError, KeyboardInterrupt):
        raise click.Abort from None

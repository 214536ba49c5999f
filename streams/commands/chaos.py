"""`kairos chaos`: everything breaks, one thing after the other, and nothing may be lost or come twice."""

import asyncio
import logging
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import click
import msgspec

from inference.repository import ModelMissingError
from inference.server import TritonMissingError
from streams.chaos.machine import Machine
from streams.chaos.session import Asked, Session
from streams.chaos.shops import Shop, model_shop, rules_shop
from streams.chaos.site import BROKERS, Site, TritonPlace
from streams.chaos.verdict import Verdict
from streams.chaos.wires import Network
from streams.commands.settings import current
from streams.demo.plan import found
from streams.demo.readback import NotReadToTheEnd
from streams.embedded.apache_kafka import ApacheKafka
from streams.embedded.ports import PortTakenError
from streams.embedded.process import ServerError, server_folder
from streams.settings import Settings
from streams.topics import create

ONE_LINERS = (ModelMissingError, TritonMissingError, PortTakenError, ServerError, NotReadToTheEnd)


@click.command()
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), default=3.0, show_default=True,
              help="How long at least; it goes on until every nemesis has struck once.")  # fmt: skip
@click.option("--workers", type=click.IntRange(1, 9), default=3, show_default=True, help="Of each of the two shops.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="The same seed, the same strikes.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout, and nothing else.")
def chaos(*, minutes: float, workers: int, seed: int, as_json: bool) -> None:
    """Kill, freeze, cut off, bounce and wipe everything under two shops on a real Kafka, and judge what they say.

    Starts three brokers (Java and Maven needed), Triton and the workers on free ports. What happens is told on stderr,
    the verdict on stdout. Exit code 1: something was lost, came twice, was wrong, or did not go on within 60 s.
    Ctrl-C ends it early, with a verdict about what was seen.
    """
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # brokers that are gone are what this is about
    with _one_line():
        verdict = asyncio.run(_run(minutes, workers, seed))
    click.echo(msgspec.json.encode(verdict) if as_json else str(verdict))
    sys.exit(0 if verdict.clean else 1)


async def _run(minutes: float, workers: int, seed: int) -> Verdict:
    asked = Asked(minutes, seed, asyncio.Event())
    settings = current()
    settings = msgspec.structs.replace(settings, models_dir=found(settings.models_dir), policy=found(settings.policy))
    async with _site(workers, settings, seed) as (site, shops):
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, _end_early, asked.stop, number)
        verdict = await Session(site, shops, asked, _say).run()
        if not verdict.clean:
            _say(f"  what the workers said is kept in {_kept_logs(site)}")
        return verdict


@asynccontextmanager
async def _site(workers: int, settings: Settings, seed: int) -> AsyncIterator[tuple[Site, list[Shop]]]:
    """Brokers, Triton, wires and topics; machines on which nothing runs yet."""
    _say("  starting three brokers and Triton")
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(server_folder("kairos-chaos-"))
        kafka = ApacheKafka(BROKERS, doors=workers)
        stack.callback(kafka.stop)
        await asyncio.to_thread(kafka.start)
        triton = await stack.enter_async_context(TritonPlace(Path(settings.models_dir)))
        network = await stack.enter_async_context(Network(kafka.doors))
        shops = [
            rules_shop(folder, kafka.bootstrap, seed),
            model_shop(kafka.bootstrap, triton.address, settings, seed),
        ]
        for shop in shops:
            await create(shop.settings)
        own = [shop.settings for shop in shops]
        machines = [Machine(number, own, network.bootstrap(number), folder) for number in range(workers)]
        yield Site(machines, network, kafka, triton), shops


def _kept_logs(site: Site) -> Path:
    """A new folder with the log of every place."""
    kept = Path(tempfile.mkdtemp(prefix="kairos-chaos-logs-"))
    for place in [place for machine in site.machines for place in machine.places]:
        shutil.copy(place.folder / "worker.log", kept / f"{place.folder.name}.log")
    return kept


def _end_early(stop: asyncio.Event, number: int) -> None:
    """The first time: end in good order. The second time: at once."""
    if stop.is_set():
        asyncio.get_running_loop().remove_signal_handler(number)
        raise KeyboardInterrupt
    _say("  ending early; once more ends it at once, without a verdict")
    stop.set()


def _say(what: str) -> None:
    click.echo(what, err=True)


@contextmanager
def _one_line() -> Iterator[None]:
    """Errors of the parts, in one line each."""
    try:
        yield
    except ONE_LINERS as exc:
        raise click.ClickException(str(exc)) from None
    except (asyncio.CancelledError, KeyboardInterrupt):
        raise click.Abort from None

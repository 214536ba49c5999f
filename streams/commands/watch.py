"""`kairos watch`: interventions as they come out, as any subscriber would read them."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Any, NamedTuple

import click
import msgspec
from aiokafka import AIOKafkaConsumer

from schemas.interventions import KINDS, Intervention, Retraction, Suppressed
from schemas.topics import INTERVENTIONS, SUPPRESSED, named
from streams.broker_errors import talking_to
from streams.commands.settings import broker_option, current
from streams.settings import Settings
from streams.topics import require

POLL_MS = 500
_decode: dict[str, Callable[[bytes], Intervention | Retraction | Suppressed]] = {
    "issued": msgspec.json.Decoder(Intervention).decode,
    "retracted": msgspec.json.Decoder(Retraction).decode,
    "suppressed": msgspec.json.Decoder(Suppressed).decode,
}


class Line(NamedTuple):
    """What is shown of one record."""

    time: str
    status: str
    kind: str
    shopper: str
    value: str
    mode: str
    reason: str

    def __str__(self) -> str:
        return (
            f"{self.time:<24}  {self.status:<10}  {self.kind:<13}  {self.shopper:<24}  {self.value:>14}  "
            f"{self.mode:<14}  {self.reason}"
        ).rstrip()


@click.command()
@click.option("--kind", "kinds", multiple=True, type=click.Choice(KINDS), help="Only these kinds; all where not given.")
@click.option("--suppressed", is_flag=True, help="Those that were held back too, with the reason.")
@click.option("--from-start", is_flag=True, help="From the oldest that is kept, not only new ones.")
@click.option("--limit", type=click.IntRange(min=1), help="End after so many.")
@click.option("--seconds", type=click.FloatRange(min=0), help="End after so long.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line: topic, headers, record.")
@broker_option
def watch(  # noqa: PLR0913  # one parameter for each option
    *,
    kinds: tuple[str, ...],
    suppressed: bool,
    from_start: bool,
    limit: int | None,
    seconds: float | None,
    as_json: bool,
    broker: str | None,
) -> None:
    """Print interventions and retractions as they are committed: time, kind, shopper, cart, who decided, and why."""
    settings = current(broker)
    topics = [INTERVENTIONS[kind] for kind in kinds or KINDS] + ([SUPPRESSED] if suppressed else [])
    names = [named(topic, settings.topic_prefix) for topic in topics]
    held_back = named(SUPPRESSED, settings.topic_prefix)  # of all kinds

    async def run() -> None:
        await require(settings, topics)
        end_s = None if seconds is None else time.monotonic() + seconds
        async with aclosing(_records(settings, names, from_start, end_s)) as records:
            shown = 0
            async for record in records:
                if not kinds or record.topic != held_back or _kind(record) in kinds:
                    click.echo(as_object(record) if as_json else text(record))
                    shown += 1
                if shown == limit:
                    return

    asyncio.run(run())


async def _records(
    settings: Settings, names: Sequence[str], from_start: bool, end_s: float | None
) -> AsyncGenerator[Any, None]:
    """The committed records of the topics, until `end_s` on the monotonic clock. Raises `NoBroker`."""
    consumer = AIOKafkaConsumer(
        *names,
        bootstrap_servers=settings.broker,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest" if from_start else "latest",
    )
    with talking_to(settings.broker):
        await consumer.start()
        try:
            click.echo(f"watching {', '.join(names)} on {settings.broker}; Ctrl-C ends it", err=True)
            while end_s is None or time.monotonic() < end_s:
                for records in (await consumer.getmany(timeout_ms=POLL_MS)).values():
                    for record in records:
                        yield record
        finally:
            await consumer.stop()


def text(record: Any) -> str:
    """One line for a record of an intervention topic; of one that cannot be read, where it stands and why."""
    status = _status(record)
    try:
        decoded = _decode[status](record.value or b"")
    except msgspec.DecodeError as exc:
        return f"not readable: {record.topic}[{record.partition}] at {record.offset}: {exc}"
    return str(_line(decoded, status, _header(record, "ce_time")))


def as_object(record: Any) -> bytes:
    """The record as one JSON object; its value stands in it as it is."""
    headers = {name: value.decode(errors="replace") for name, value in record.headers}
    place = {"topic": record.topic, "partition": record.partition, "offset": record.offset, "headers": headers}
    return msgspec.json.encode({**place, "record": msgspec.Raw(record.value or b"null")})


def _line(decoded: Intervention | Retraction | Suppressed, status: str, at: str) -> Line:
    kind, shopper = decoded.name, decoded.target.id
    if isinstance(decoded, Retraction):
        return Line(at or decoded.retracted_at, status, kind, shopper, "", "", decoded.reason)
    value = f"{decoded.content.total_value:.2f} {decoded.content.currency}"
    if isinstance(decoded, Suppressed):
        return Line(at or decoded.suppressed_at, status, kind, shopper, value, decoded.decision.mode, decoded.reason)
    reasons = ", ".join(f"{reason.feature}={reason.value:g}" for reason in decoded.decision.reasons[:3])
    return Line(at or decoded.not_before, status, kind, shopper, value, decoded.decision.mode, reasons)


def _status(record: Any) -> str:
    """issued, retracted or suppressed: the last but one word of the CloudEvents type."""
    words = _header(record, "ce_type").split(".")
    return words[-2] if len(words) > 1 and words[-2] in _decode else "issued"


def _kind(record: Any) -> str:
    words = _header(record, "ce_type").split(".")
    return words[2] if len(words) > 2 else ""


def _header(record: Any, name: str) -> str:
    return next((value.decode(errors="replace") for key, value in record.headers if key == name), "")

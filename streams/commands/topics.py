"""`kairos topics`: the topics Kairos reads and writes, on a broker and on paper."""

import asyncio
from datetime import timedelta

import click
import msgspec
from aiokafka.errors import UnknownMemberIdError

from schemas.asyncapi import asyncapi as asyncapi_document
from schemas.topics import TOPICS, Topic, named, partitions_of
from streams.broker_errors import talking_to
from streams.commands.settings import broker_option, current
from streams.connection import MissingTopicError
from streams.known_topics import adopt as adopt_topics
from streams.settings import Settings
from streams.topics import FOR_EVER
from streams.topics import create as create_topics
from streams.topics import problems as topic_problems


@click.group()
def topics() -> None:
    """Create, check and adopt the topics, list them, or describe them as AsyncAPI."""


@topics.command()
@broker_option
def create(broker: str | None) -> None:
    """Create the topics that are missing. Those that exist stay as they are; see `check`."""
    settings = current(broker)
    created = asyncio.run(create_topics(settings))
    for name in created:
        click.echo(name)
    click.echo(f"{len(created)} of {len(TOPICS)} topics created on {settings.broker}", err=True)


@topics.command()
@broker_option
@click.pass_context
def check(context: click.Context, broker: str | None) -> None:
    """Compare the broker's topics with the table. One line for each difference; exit code 1 if there is one."""
    settings = current(broker)
    lines = asyncio.run(topic_problems(settings))
    for line in lines:
        click.echo(line)
    click.echo(f"{len(TOPICS)} topics on {settings.broker}: {len(lines) or 'no'} differences", err=True)
    context.exit(1 if lines else 0)


@topics.command()
@broker_option
def adopt(broker: str | None) -> None:
    """Take input topics that were deleted and made anew: their events count as new. No worker may run meanwhile."""
    settings = current(broker)
    try:
        with talking_to(settings.broker):
            adopted = asyncio.run(adopt_topics(settings))
    except MissingTopicError as error:
        raise click.ClickException(str(error)) from None
    except UnknownMemberIdError:
        raise click.ClickException(f"workers of {settings.app_id} still run; stop all of them first") from None
    for name in adopted:
        click.echo(name)
    click.echo(f"{len(adopted)} input topics adopted on {settings.broker}", err=True)


@topics.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, by name, and nothing else.")
def list_command(as_json: bool) -> None:
    """List the topics: name, partitions, key, record, how long it is kept, what is in it."""
    settings = current()
    if as_json:
        click.echo(msgspec.json.encode({named(topic, settings.topic_prefix): topic for topic in TOPICS}))
        return
    for topic in TOPICS:
        click.echo(_line(topic, settings))


@topics.command()
def asyncapi() -> None:
    """Print the AsyncAPI 3 document, as JSON."""
    settings = current()
    document = asyncapi_document(
        settings.broker, settings.topic_prefix, settings.timeline_partitions, settings.replication
    )
    click.echo(msgspec.json.format(msgspec.json.encode(document), indent=2))


def _line(topic: Topic, settings: Settings) -> str:
    kept = "last value of each key" if topic.cleanup == "compact" else str(timedelta(milliseconds=topic.retention_ms))
    if topic.cleanup == "delete" and topic.retention_ms == FOR_EVER:
        kept = "for ever"
    count = partitions_of(topic, settings.timeline_partitions)
    kept = kept.removesuffix(", 0:00:00")
    name = named(topic, settings.topic_prefix)
    return f"{name:<34} {count:>3}  {topic.key:<15} {topic.record:<14} {kept:<22}  {topic.about}"

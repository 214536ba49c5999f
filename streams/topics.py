"""The table of topics against a broker: create what is missing, tell what differs."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

import click
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaTimeoutError, for_code

from schemas.topics import TOPICS, Topic, follows_timeline, named, partitions_of
from streams.broker_errors import talking_to
from streams.settings import Settings

REQUEST_TIMEOUT_MS: Final = 30_000
READY_WITHIN_S: Final = 30.0
ALREADY_EXISTS: Final = 36
FOR_EVER: Final = -1


class TopicsRefused(click.ClickException):
    """The broker did not create topics."""


class Found(NamedTuple):
    """A topic as the broker has it. `partitions` counts those with a leader."""

    partitions: int
    config: Mapping[str, str]


def config_of(topic: Topic, replication: int) -> dict[str, str]:
    """Kafka's configuration of a topic: an acknowledged record survives the loss of one broker, where there are three.

    >>> from schemas.topics import CLOCK
    >>> config_of(CLOCK, replication=3)["min.insync.replicas"]
    '2'
    """
    durable = {"min.insync.replicas": "2"} if replication >= 3 else {}
    return {**topic.config(), **durable}


async def create(settings: Settings) -> list[str]:
    """Create the topics that are missing, wait until they can be used, and return their names.

    Raises `NoBroker`, or `TopicsRefused` with what the broker said.
    """
    wanted = {named(topic, settings.topic_prefix): _new(topic, settings) for topic in TOPICS}
    with talking_to(settings.broker):
        async with _admin(settings.broker) as admin:
            answer = await admin.create_topics(list(wanted.values()), REQUEST_TIMEOUT_MS)
        outcomes = [tuple(error[:3]) for error in answer.topic_errors]
        _refuse_failures(outcomes, settings)
        created = [name for name, code, _ in outcomes if code == 0]
        parts = [TopicPartition(name, number) for name in created for number in range(wanted[name].num_partitions)]
        await _wait_until_usable(settings.broker, parts)
    return created


async def require(settings: Settings, topics: Sequence[Topic]) -> None:
    """Raises `TopicsRefused` where one of the topics is missing, and `NoBroker`.

    To be asked before anything else is: some brokers create a topic of their own making when it is written to.
    """
    with talking_to(settings.broker):
        async with _admin(settings.broker) as admin:
            existing = set(await admin.list_topics())
    missing = [name for name in (named(topic, settings.topic_prefix) for topic in topics) if name not in existing]
    if missing:
        msg = f"no topic {missing[0]} on {settings.broker}; run `kairos topics create`"
        raise TopicsRefused(msg)


async def problems(settings: Settings) -> list[str]:
    """What differs between the table and the broker, one line each that names the fix. Raises `NoBroker`."""
    with talking_to(settings.broker):
        async with _admin(settings.broker) as admin:
            existing = set(await admin.list_topics())
            wanted = [named(topic, settings.topic_prefix) for topic in TOPICS]
            found = await _found(admin, [name for name in wanted if name in existing])
    return [line for topic in TOPICS for line in differences(topic, found, settings)]


def differences(topic: Topic, found: Mapping[str, Found], settings: Settings) -> list[str]:
    """What differs for one topic. `found` is by name on the broker."""
    name = named(topic, settings.topic_prefix)
    if name not in found:
        return [f"{name}: missing; run `kairos topics create`"]
    lines = _partition_differences(topic, name, found[name].partitions, settings)
    for key, wanted in config_of(topic, settings.replication).items():
        lines += _config_differences(name, key, wanted, found[name].config.get(key))
    return lines


def _partition_differences(topic: Topic, name: str, got: int, settings: Settings) -> list[str]:
    """Inputs and dead letters may have any number of partitions; the rest have exactly what the table says."""
    wanted = partitions_of(topic, settings.timeline_partitions)
    if got == wanted or (topic.role in ("input", "dead_letters") and got > 0):
        return []
    fix = f"while it is empty, delete it and run `kairos topics create`, or set KAIROS_TIMELINE_PARTITIONS={got}"
    if not follows_timeline(topic):
        fix = "delete it and run `kairos topics create`"
    elif topic.role == "output" and got < wanted:
        fix = f"run `kafka-topics.sh --alter --topic {name} --partitions {wanted}`"
    return [f"{name}: expected {wanted} partitions, got {got}; {fix}"]


def _config_differences(name: str, key: str, wanted: str, got: str | None) -> list[str]:
    numeric = wanted.lstrip("-").isdigit() and got is not None
    if got == wanted or (numeric and _at_least(int(got or 0), int(wanted))):
        return []
    least = "at least " if numeric and int(wanted) != FOR_EVER else ""
    return [
        f"{name}: expected {key} {least}{wanted}, got {got}; run `kafka-configs.sh --alter --entity-type topics "
        f"--entity-name {name} --add-config {key}={wanted}`"
    ]


def _at_least(got: int, wanted: int) -> bool:
    return got == FOR_EVER or (wanted != FOR_EVER and got >= wanted)


@asynccontextmanager
async def _admin(broker: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker, request_timeout_ms=REQUEST_TIMEOUT_MS)
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


def _new(topic: Topic, settings: Settings) -> NewTopic:
    return NewTopic(
        named(topic, settings.topic_prefix),
        partitions_of(topic, settings.timeline_partitions),
        settings.replication,
        topic_configs=config_of(topic, settings.replication),
    )


def _refuse_failures(outcomes: Sequence[tuple[str, int, str | None]], settings: Settings) -> None:
    failed = [(name, code, text) for name, code, text in outcomes if code not in (0, ALREADY_EXISTS)]
    if failed:
        name, code, text = failed[0]
        reason = text or for_code(code).__name__
        fix = "check KAIROS_REPLICATION (at most one copy per broker) and the rights of this client"
        msg = f"{settings.broker} did not create {name} and {len(failed) - 1} more: {reason}; {fix}"
        raise TopicsRefused(msg)


async def _wait_until_usable(broker: str, created: Sequence[TopicPartition]) -> None:
    """Returns when every partition can be written: a broker answers a creation, and names the leaders, before that."""
    if not created:
        return
    consumer = AIOKafkaConsumer(bootstrap_servers=broker, request_timeout_ms=REQUEST_TIMEOUT_MS)
    try:
        async with asyncio.timeout(READY_WITHIN_S):
            await consumer.start()
            await consumer.end_offsets(created)
    except (TimeoutError, KafkaTimeoutError):
        msg = f"topics were created, but not all have leaders after {READY_WITHIN_S:.0f} s; look at the broker's log"
        raise TopicsRefused(msg) from None
    finally:
        await consumer.stop()


async def _found(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, Found]:
    """The topics as they are. One request for each: the embedded broker closes the connection on several in one."""
    found = {}
    for topic in await admin.describe_topics(names) if names else ():
        resource = ConfigResource(ConfigResourceType.TOPIC, topic["topic"])
        (answer,) = await admin.describe_configs([resource])
        entries = answer.to_object()["resources"][0]["config_entries"]
        config = {entry["config_names"]: entry["config_value"] for entry in entries}
        found[topic["topic"]] = Found(len(topic["partitions"]), config)
    return found

"""Topics are created and checked the same way on the embedded broker and on Apache Kafka."""

import uuid

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from click.testing import CliRunner

from schemas.topics import CHANGELOG, CLICK, CLOCK, INPUTS, TIMELINE, TOPICS, named
from streams.broker_features import has_transactions
from streams.commands.topics import topics as topics_command
from streams.settings import Settings
from streams.topics import TopicsRefused, create, problems, require


@pytest.fixture(params=["embedded_broker", pytest.param("kafka", marks=pytest.mark.kafka)])
def settings(request: pytest.FixtureRequest) -> Settings:
    """Settings of each broker in turn, with topics of this test's own."""
    return Settings(
        broker=request.getfixturevalue(request.param), topic_prefix=f"{uuid.uuid4().hex[:8]}.", timeline_partitions=3
    )


async def test_topics_are_created_once_and_are_then_as_they_should_be(settings: Settings) -> None:
    first = await create(settings)
    second = await create(settings)

    assert first == [named(topic, settings.topic_prefix) for topic in TOPICS]
    assert second == []
    assert await problems(settings) == []


async def test_every_topic_that_is_missing_is_told(settings: Settings) -> None:
    lines = await problems(settings)

    assert lines == [f"{named(topic, settings.topic_prefix)}: missing; run `kairos topics create`" for topic in TOPICS]


async def test_to_check_creates_nothing(settings: Settings) -> None:
    await problems(settings)
    with pytest.raises(TopicsRefused):
        await require(settings, INPUTS)

    assert len(await create(settings)) == len(TOPICS)


async def test_topics_that_somebody_made_otherwise_are_told_with_what_they_are(settings: Settings) -> None:
    by_hand = [
        NewTopic(named(TIMELINE, settings.topic_prefix), 2, 1, topic_configs=TIMELINE.config()),
        NewTopic(named(CHANGELOG, settings.topic_prefix), 3, 1, topic_configs={"cleanup.policy": "delete"}),
        NewTopic(named(CLICK, settings.topic_prefix), 5, 1, topic_configs=CLICK.config() | {"retention.ms": "1000"}),
    ]
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.broker)
    await admin.start()
    await admin.create_topics(by_hand)
    await admin.close()

    created = await create(settings)
    lines = await problems(settings)

    assert len(created) == len(TOPICS) - 3
    told = {line.removeprefix(settings.topic_prefix).partition(";")[0] for line in lines}
    assert {
        "shop.timeline.v1: expected 3 partitions, got 2",
        "shop.shoppers.changelog.v1: expected cleanup.policy compact, got delete",
        "shop.events.click.v1: expected retention.ms at least 604800000, got 1000",
    } <= told
    assert {line.split(":")[0] for line in told} == {TIMELINE.name, CHANGELOG.name, CLICK.name}


async def test_a_missing_topic_is_required_in_vain_and_a_created_one_is_there(settings: Settings) -> None:
    with pytest.raises(TopicsRefused, match=f"^no topic {named(CLOCK, settings.topic_prefix)} on .*topics create`$"):
        await require(settings, [CLOCK])

    await create(settings)

    await require(settings, TOPICS)


def test_check_exits_with_1_until_the_topics_are_created(settings: Settings) -> None:
    environment = {"KAIROS_TOPIC_PREFIX": settings.topic_prefix, "KAIROS_TIMELINE_PARTITIONS": "3"}

    def run(command: str) -> int:
        arguments = [command, "--broker", settings.broker]
        return CliRunner().invoke(topics_command, arguments, env=environment).exit_code

    assert [run(command) for command in ("check", "create", "create", "check")] == [1, 0, 0, 0]


@pytest.mark.kafka
async def test_more_copies_than_brokers_are_refused_in_one_line(kafka: str) -> None:
    settings = Settings(broker=kafka, topic_prefix=f"{uuid.uuid4().hex[:8]}.", replication=9)

    with pytest.raises(TopicsRefused, match="check KAIROS_REPLICATION"):
        await create(settings)


@pytest.mark.kafka
async def test_apache_kafka_has_transactions_and_the_embedded_broker_has_none(kafka: str, embedded_broker: str) -> None:
    assert await has_transactions({"bootstrap_servers": kafka})
    assert not await has_transactions({"bootstrap_servers": embedded_broker})

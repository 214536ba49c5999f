"""What `kairos topics check` says of a topic, by what the broker has."""

from collections.abc import Mapping

import pytest
from click.testing import CliRunner

from schemas.topics import CHANGELOG, CLICK, CLOCK, DECISIONS, TIMELINE, TOPICS, Topic, named, partitions_of
from streams.commands.topics import topics as topics_command
from streams.settings import Settings
from streams.topics import Found, config_of, differences

SETTINGS = Settings()


def as_created(topic: Topic, settings: Settings = SETTINGS, **changed: str) -> Mapping[str, Found]:
    config = config_of(topic, settings.replication) | {name.replace("_", "."): value for name, value in changed.items()}
    return {named(topic, settings.topic_prefix): Found(partitions_of(topic, settings.timeline_partitions), config)}


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_a_topic_as_it_is_created_has_no_differences(topic: Topic) -> None:
    settings = Settings(topic_prefix="b.", timeline_partitions=12, replication=3)

    assert differences(topic, as_created(topic, settings), settings) == []


def test_a_missing_topic_is_named_with_its_prefix_and_the_command_that_creates_it() -> None:
    (line,) = differences(CLICK, {}, Settings(topic_prefix="b."))

    assert line == "b.shop.events.click.v1: missing; run `kairos topics create`"


def test_an_input_may_have_any_number_of_partitions() -> None:
    assert differences(CLICK, {CLICK.name: Found(3, config_of(CLICK, 1))}, SETTINGS) == []


@pytest.mark.parametrize(
    ("topic", "fix"),
    [
        (TIMELINE, "or set KAIROS_TIMELINE_PARTITIONS=3"),
        (CHANGELOG, "or set KAIROS_TIMELINE_PARTITIONS=3"),
        (DECISIONS, "run `kafka-topics.sh --alter --topic shop.decisions.v1 --partitions 8`"),
        (CLOCK, "delete it and run `kairos topics create`"),
    ],
)
def test_a_wrong_partition_count_is_told_with_its_fix(topic: Topic, fix: str) -> None:
    (line,) = differences(topic, {topic.name: Found(3, config_of(topic, 1))}, SETTINGS)

    assert line.startswith(f"{topic.name}: expected {8 if topic is not CLOCK else 1} partitions, got 3; ")
    assert line.endswith(fix)


def test_a_changelog_that_deletes_is_told_with_its_fix() -> None:
    (line,) = differences(CHANGELOG, as_created(CHANGELOG, cleanup_policy="delete"), SETTINGS)

    assert "expected cleanup.policy compact, got delete; run `kafka-configs.sh" in line
    assert line.endswith("--entity-name shop.shoppers.changelog.v1 --add-config cleanup.policy=compact`")


@pytest.mark.parametrize("retention_ms", ["86400000", "604799999"])
def test_a_retention_that_is_too_short_is_told(retention_ms: str) -> None:
    (line,) = differences(CLICK, as_created(CLICK, retention_ms=retention_ms), SETTINGS)

    assert f"expected retention.ms at least 604800000, got {retention_ms}" in line


@pytest.mark.parametrize("retention_ms", ["604800000", "604800001", "-1"])
def test_a_retention_that_is_longer_or_endless_is_fine(retention_ms: str) -> None:
    assert differences(CLICK, as_created(CLICK, retention_ms=retention_ms), SETTINGS) == []


def test_a_timeline_that_forgets_is_told() -> None:
    (line,) = differences(TIMELINE, as_created(TIMELINE, retention_ms="604800000"), SETTINGS)

    assert "expected retention.ms -1, got 604800000" in line


def test_three_copies_need_two_in_sync() -> None:
    (line,) = differences(CLICK, as_created(CLICK), Settings(replication=3))

    assert "expected min.insync.replicas 2, got None" in line


def test_no_broker_is_said_in_one_line() -> None:
    for command in ("create", "check"):
        result = CliRunner().invoke(topics_command, [command, "--broker", "127.0.0.1:1"])

        assert result.exit_code == 1
        assert result.output.startswith("Error: no broker at 127.0.0.1:1; start one with `kairos broker`")
        assert result.output.count("\n") == 1


def test_the_list_has_a_line_for_every_topic() -> None:
    result = CliRunner().invoke(topics_command, ["list"], env={"KAIROS_TOPIC_PREFIX": "b."})

    assert [line.split()[0] for line in result.output.splitlines()] == [f"b.{topic.name}" for topic in TOPICS]

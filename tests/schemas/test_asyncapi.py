"""The AsyncAPI document is valid, and describes every topic.

asyncapi-3.0.0.schema.json.gz is the official JSON Schema with the Kafka bindings, unchanged (Apache-2.0, from the npm
package @asyncapi/specs 6.11.1).
"""

import gzip
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from schemas.asyncapi import asyncapi
from schemas.topics import DECISIONS, INTERVENTIONS, SUPPRESSED, TOPICS

OFFICIAL = Path(__file__).parent / "asyncapi-3.0.0.schema.json.gz"


@pytest.fixture
def document() -> dict[str, Any]:
    return asyncapi("127.0.0.1:9092", "test.", 12, 3)


@pytest.fixture(scope="module")
def official() -> jsonschema.Draft7Validator:
    return jsonschema.Draft7Validator(json.loads(gzip.decompress(OFFICIAL.read_bytes())))


def test_it_is_valid_by_the_official_schema(document: dict[str, Any], official: jsonschema.Draft7Validator) -> None:
    assert [error.message for error in official.iter_errors(document)] == []


def test_the_official_schema_would_see_a_wrong_kafka_binding(
    document: dict[str, Any], official: jsonschema.Draft7Validator
) -> None:
    document["channels"]["shop.clock.v1"]["bindings"]["kafka"]["partitions"] = 0

    assert not official.is_valid(document)


def test_every_topic_is_a_channel_with_its_name_on_the_broker_and_an_operation(document: dict[str, Any]) -> None:
    used = {operation["channel"]["$ref"] for operation in document["operations"].values()}

    for topic in TOPICS:
        assert document["channels"][topic.name]["address"] == f"test.{topic.name}"
        assert f"#/channels/{topic.name}" in used


def test_topics_beside_the_timeline_have_its_partitions(document: dict[str, Any]) -> None:
    for name in ("shop.timeline.v1", "shop.shoppers.changelog.v1", "shop.decisions.v1"):
        assert document["channels"][name]["bindings"]["kafka"]["partitions"] == 12


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    references = list(_references(document))

    assert len(references) > 100
    for reference in references:
        place: Any = document
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]


def test_what_kairos_decides_carries_cloudevents_headers(document: dict[str, Any]) -> None:
    for topic in (*INTERVENTIONS.values(), SUPPRESSED, DECISIONS):
        for name in document["channels"][topic.name]["messages"]:
            assert "CloudEventsHeaders" in document["components"]["messages"][name]["headers"]["$ref"]


def _references(value: Any) -> Any:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for part in value.values():
            yield from _references(part)
    elif isinstance(value, list):
        for part in value:
            yield from _references(part)

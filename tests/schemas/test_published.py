"""The JSON Schemas in schemas/json/ are those of the records, and hold for what Kairos writes."""

import json
from pathlib import Path

import jsonschema
import msgspec
import pytest

from schemas import cloudevents
from schemas.published import cloudevents_headers, json_schemas
from tests.schemas.samples import EVENTS, SAMPLES

FOLDER = Path(__file__).parents[2] / "schemas" / "json"
WRITTEN = {**dict.fromkeys(EVENTS, "events"), **{name: name for name in json_schemas() if name != "events"}}


@pytest.mark.parametrize("name", json_schemas())
def test_the_file_is_the_schema_of_the_records(name: str, write_golden: bool) -> None:
    path, text = FOLDER / f"{name}.json", json.dumps(json_schemas()[name], indent=2) + "\n"
    if write_golden:
        path.write_text(text)

    assert path.read_text() == text, "run: pytest tests/schemas --write-golden"


def test_there_is_no_file_without_a_record() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == json_schemas().keys()


@pytest.mark.parametrize("name", WRITTEN)
def test_what_kairos_writes_validates_against_its_published_schema(name: str) -> None:
    sample = SAMPLES[name]

    jsonschema.Draft202012Validator(json_schemas()[WRITTEN[name]]).validate(json.loads(sample.encode(sample.record)))


@pytest.mark.parametrize("ids", [{}, {"userId": ""}, {"userId": None, "anonymousId": None}])
def test_an_event_that_names_no_shopper_is_not_valid(ids: dict[str, str | None]) -> None:
    event = msgspec.json.decode(msgspec.json.encode(EVENTS["product_added"].record))
    del event["userId"], event["anonymousId"]

    assert not jsonschema.Draft202012Validator(json_schemas()["events"]).is_valid(event | ids)


@pytest.mark.parametrize(
    "kind", ["decision.taken", "intervention.cart_nudge.issued", "intervention.cart_nudge.retracted"]
)
def test_the_headers_that_kairos_writes_validate_against_their_schema(kind: str) -> None:
    written = [
        *cloudevents.headers("id-1", f"shop.{kind}.v1", "/shop/decide", "2023-11-14T22:13:20.123Z", b"u-1"),
        *cloudevents.links("c-1", "m-1", "2023-11-15T22:13:20.123Z"),
        *cloudevents.trace("id-1", "", "2/7/1/0"),
    ]
    schema = {**cloudevents_headers(), "additionalProperties": False}

    jsonschema.Draft202012Validator(schema).validate({name: value.decode() for name, value in written})

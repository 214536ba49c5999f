"""What other teams build against: the JSON Schemas of what is read and written as JSON, made from the records.

The files in `schemas/json/` are these; a test refuses drift, and says how they are written anew.
"""

import inspect
from typing import Any, Final

import msgspec

from schemas.decisions import Decision
from schemas.events import Event
from schemas.interventions import Intervention, Retraction, Suppressed

JsonSchema = dict[str, Any]
CE_TYPE: Final = r"^shop\.(decision\.taken|intervention\.[a-z_]+\.(issued|retracted|suppressed))\.v1$"
"""The CloudEvents type of a record, `ce_type`."""
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
RECORDS: Final[dict[str, Any]] = {
    "events": Event,
    "intervention": Intervention,
    "retraction": Retraction,
    "suppressed": Suppressed,
    "decision": Decision,
}


def json_schemas() -> dict[str, JsonSchema]:
    """The published documents by file name, each complete in itself."""
    return {name: _document(record) for name, record in RECORDS.items()}


def components(records: list[Any], ref_template: str) -> tuple[list[JsonSchema], dict[str, JsonSchema]]:
    """A schema for each record, and by name all that they refer to, where `ref_template` says."""
    roots, parts = msgspec.json.schema_components(records, ref_template=ref_template)
    return list(roots), {name: _finished(part) for name, part in parts.items()}


def cloudevents_headers() -> JsonSchema:
    """The Kafka headers of what Kairos decides: CloudEvents 1.0, binary mode. All values are UTF-8."""
    text = {"type": "string", "minLength": 1}
    time = {"type": "string", "format": "date-time"}
    properties: JsonSchema = {
        "ce_specversion": {"type": "string", "const": "1.0"},
        "ce_id": {**text, "description": "The same on every copy of one intervention: readers may drop repeats by it."},
        "ce_source": {"type": "string", "format": "uri-reference", "minLength": 1},
        "ce_type": {"type": "string", "pattern": CE_TYPE},
        "ce_time": {**time, "description": "The log time of the decision."},
        "ce_subject": {**text, "description": "The shopper."},
        "ce_partitionkey": {**text, "description": "The Kafka key: the shopper."},
        "ce_expirytime": {**time, "description": "After this an intervention is of no use, and may be ignored."},
        "ce_correlationid": {**text, "description": "The cart episode."},
        "ce_causationid": {**text, "description": "The event that set it off."},
        "ce_dataclassification": {"type": "string", "const": "confidential"},
        "content-type": {"type": "string", "const": "application/json"},
        "traceparent": text,
    }
    required = ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "content-type"]
    return {"type": "object", "properties": properties, "required": required}


def _document(record: Any) -> JsonSchema:
    (root,), parts = components([record], "#/$defs/{name}")
    return {"$schema": DIALECT, **root, "$defs": parts}


def _finished(part: JsonSchema) -> JsonSchema:
    """Docstrings without their indent, and what a record's type cannot say: an event names its shopper."""
    tidy = {**part, "description": inspect.cleandoc(part["description"])} if "description" in part else part
    if "anonymousId" not in part.get("properties", {}):
        return tidy
    named = {"type": "string", "minLength": 1}
    return {**tidy, "anyOf": [{"required": [id_], "properties": {id_: named}} for id_ in ("userId", "anonymousId")]}

"""The AsyncAPI 3 document of everything Kairos reads and writes, made from the table of topics and the records."""

from typing import Any, Final, get_args

from schemas.decisions import Decision
from schemas.events import CartEvent, Click, ConsentUpdated, PurchaseEvent
from schemas.interventions import Intervention, Retraction, Suppressed
from schemas.progress import Clock, Progress
from schemas.published import JsonSchema, cloudevents_headers, components
from schemas.topics import TOPICS, Topic, named, partitions_of

BINDING: Final = {"bindingVersion": "0.5.0"}
ACTIONS: Final = {
    "input": ("receive",),
    "log": ("send", "receive"),
    "internal": ("send", "receive"),
    "output": ("send",),
    "dead_letters": ("send",),
}
"""What Kairos does with a topic, by its role. AsyncAPI 3 is written from the application's side."""
RECORDS: Final[dict[str, tuple[type, ...]]] = {
    "Click": get_args(Click),
    "CartEvent": get_args(CartEvent),
    "PurchaseEvent": get_args(PurchaseEvent),
    "ConsentUpdated": (ConsentUpdated,),
    "Progress": (Progress,),
    "Clock": (Clock,),
    "Decision": (Decision,),
    "Suppressed": (Suppressed,),
    "Intervention": (Intervention, Retraction),
}
"""The classes behind `Topic.record`, where the value is JSON."""


def asyncapi(server: str, prefix: str, timeline_partitions: int, replication: int) -> JsonSchema:
    """The document, as plain data. `server` is Kafka's host:port; the rest is as in the settings."""
    records = [record for group in RECORDS.values() for record in group]
    _, schemas = components(records, "#/components/schemas/{name}")
    channels = {topic.name: _channel(topic, prefix, timeline_partitions, replication) for topic in TOPICS}
    operations = {
        f"{action}.{topic.name}": _operation(action, topic) for topic in TOPICS for action in ACTIONS[topic.role]
    }
    messages = {name: message for topic in TOPICS for name, message in _messages(topic).items()}
    return {
        "asyncapi": "3.0.0",
        "info": _INFO,
        "defaultContentType": "application/json",
        "servers": {"kafka": {"host": server, "protocol": "kafka", "bindings": {"kafka": BINDING}}},
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": {**schemas, "CloudEventsHeaders": _HEADERS}},
    }


def _channel(topic: Topic, prefix: str, timeline_partitions: int, replication: int) -> JsonSchema:
    return {
        "address": named(topic, prefix),
        "description": topic.about,
        "servers": [{"$ref": "#/servers/kafka"}],
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in _messages(topic)},
        "bindings": {
            "kafka": {
                "topic": named(topic, prefix),
                "partitions": partitions_of(topic, timeline_partitions),
                "replicas": replication,
                "topicConfiguration": _configuration(topic),
                **BINDING,
            }
        },
    }


def _configuration(topic: Topic) -> dict[str, Any]:
    settings = {name: int(value) if value.lstrip("-").isdigit() else value for name, value in topic.config().items()}
    return {**settings, "cleanup.policy": [topic.cleanup]}


def _operation(action: str, topic: Topic) -> JsonSchema:
    reference = f"#/channels/{topic.name}"
    return {
        "action": action,
        "channel": {"$ref": reference},
        "summary": topic.about,
        "messages": [{"$ref": f"{reference}/messages/{name}"} for name in _messages(topic)],
        "bindings": {"kafka": BINDING},
    }


def _messages(topic: Topic) -> dict[str, JsonSchema]:
    """The messages of a topic, by name: one for each record class, or one that only says what the bytes are."""
    if topic.value == "json":
        return {record.__name__: _json_message(record) for record in RECORDS[topic.record]}
    original = topic.value == "original"
    about = "The refused record as it came." if original else f"Binary, see {topic.record} in schemas/."
    return {
        topic.record: {
            "contentType": "application/octet-stream",
            "summary": about,
            "bindings": {"kafka": {"key": {"type": "string"}, **BINDING}},
        }
    }


def _json_message(record: type) -> JsonSchema:
    message: JsonSchema = {
        "title": getattr(record, "__struct_config__").tag or record.__name__,  # noqa: B009  # a Struct's, unknown to `type`
        "contentType": "application/json",
        "payload": {"$ref": f"#/components/schemas/{record.__name__}"},
        "bindings": {"kafka": {"key": {"type": "string"}, **BINDING}},
    }
    if record in (Intervention, Retraction, Suppressed, Decision):
        message["headers"] = {"$ref": "#/components/schemas/CloudEventsHeaders"}
    return message


_INFO: Final = {
    "title": "Kairos",
    "version": "1.0.0",
    "description": "Shop events in, interventions out. Read interventions with isolation.level=read_committed.",
    "license": {"name": "Apache-2.0"},
}
_HEADERS: Final = cloudevents_headers()

"""CloudEvents 1.0 headers in Kafka's binary mode, for every record that other teams read.

(cloudevents/spec, bindings/kafka-protocol-binding.md; the extensions are those of the specification's documented list.)
Nothing in them comes from a clock or a worker: every copy of a record has the same headers.
"""

from typing import Final

import xxhash

Headers = list[tuple[str, bytes]]

_FIXED: Final[Headers] = [
    ("content-type", b"application/json"),
    ("ce_specversion", b"1.0"),
    ("ce_dataclassification", b"confidential"),
]


def headers(id_: str, type_: str, source: str, time: str, key: bytes) -> Headers:
    """The required attributes, and the shopper as subject and partition key. `time` is ISO 8601."""
    return [
        *_FIXED,
        ("ce_id", id_.encode()),
        ("ce_type", type_.encode()),
        ("ce_source", source.encode()),
        ("ce_time", time.encode()),
        ("ce_subject", key),
        ("ce_partitionkey", key),
    ]


def links(correlation: str, causation: str, expiry: str = "") -> Headers:
    """What a record belongs to (the cart), what caused it (the event's id), and after when it may be ignored."""
    named = (("ce_correlationid", correlation), ("ce_causationid", causation), ("ce_expirytime", expiry))
    return [(name, value.encode()) for name, value in named if value]


def trace(id_: str, traceparent: str, cause: str) -> Headers:
    """W3C trace context: the event's trace, or one derived from the cause; the span is derived from the record's id."""
    trace_id = traceparent.split("-")[1] if traceparent else f"{xxhash.xxh3_128_intdigest(cause.encode()):032x}"
    return [("traceparent", f"00-{trace_id}-{xxhash.xxh3_64_intdigest(id_.encode()):016x}-01".encode())]

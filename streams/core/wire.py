"""What stands around the JSON on Kafka: Confluent's schema id, the envelope of CloudEvents, the trace header."""

import re
from base64 import b64decode
from typing import Final

import msgspec

from streams.core.refusals import Headers, RefusedError, shown

CONFLUENT_PREFIX: Final = 5
"""Confluent's wire format: a zero byte and four bytes of schema id before the data. JSON never begins with zero."""
_TRACEPARENT: Final = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


class _CloudEvent(msgspec.Struct, gc=False):
    """The part of a structured CloudEvent that Kairos reads: the event is in `data` or, as base64, in `data_base64`."""

    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    data_base64: str | None = None


_decode_cloud_event = msgspec.json.Decoder(_CloudEvent).decode


def body(value: bytes | None, headers: Headers) -> bytes:
    """The JSON in a record's value: prefix cut off, structured CloudEvent opened. A plain body is the value itself.

    Raises `RefusedError`: undecodable.
    """
    if not value:
        raise RefusedError("undecodable", "a JSON object", "an empty value" if value is not None else "no value")
    if value[0] == 0:
        value = value[CONFLUENT_PREFIX:]
    if headers:
        content_type = _content_type(headers)
        if content_type.startswith("application/cloudevents"):
            return _opened(value, content_type)
    return value


def traceparent(headers: Headers) -> str:
    """The W3C trace context of a record, "" where there is none or it is not well-formed.

    >>> traceparent([("traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")])
    '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
    """
    for name, value in headers:
        if name == "traceparent" and value and _TRACEPARENT.fullmatch(value):
            return value.decode("ascii")
    return ""


def _content_type(headers: Headers) -> str:
    for name, value in headers:
        if name in ("content-type", "Content-Type") and value:
            return value.decode("latin-1").partition(";")[0].strip().lower()
    return ""


def _opened(value: bytes, content_type: str) -> bytes:
    if content_type != "application/cloudevents+json":
        raise RefusedError("undecodable", "content-type application/cloudevents+json", shown(content_type))
    try:
        cloud_event = _decode_cloud_event(value)
        if cloud_event.data_base64 is not None:
            return b64decode(cloud_event.data_base64, validate=True)
    except (ValueError, RecursionError) as error:  # bad JSON, UTF-8 and base64 are all ValueErrors
        raise RefusedError("undecodable", "a structured CloudEvent", f"{shown(value)} ({error})") from error
    if cloud_event.data is msgspec.UNSET:
        raise RefusedError("undecodable", "`data` or `data_base64` in a structured CloudEvent", "neither")
    return bytes(cloud_event.data)

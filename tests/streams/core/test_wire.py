"""What may stand around the JSON: Confluent's prefix, the envelope of CloudEvents, trace headers."""

from base64 import b64encode

import pytest

from streams.core.refusals import RefusedError
from streams.core.wire import body, traceparent

STRUCTURED = [("content-type", b"application/cloudevents+json; charset=UTF-8")]
EVENT = b'{"event": "Product Viewed"}'


def test_a_plain_body_is_the_value_itself() -> None:
    assert body(EVENT, []) is EVENT


def test_the_prefix_of_confluents_schema_registry_is_cut_off() -> None:
    assert body(b"\x00\x00\x00\x01\x02" + EVENT, []) == EVENT


def test_a_structured_cloud_event_is_opened() -> None:
    assert body(b'{"specversion": "1.0", "id": "7", "data": ' + EVENT + b"}", STRUCTURED) == EVENT


def test_a_structured_cloud_event_may_hold_base64() -> None:
    assert body(b'{"data_base64": "' + b64encode(EVENT) + b'"}', STRUCTURED) == EVENT


def test_a_structured_cloud_event_may_stand_behind_confluents_prefix() -> None:
    assert body(b'\x00\x00\x00\x01\x02{"data": ' + EVENT + b"}", STRUCTURED) == EVENT


def test_the_body_of_a_binary_cloud_event_is_plain() -> None:
    headers = [("ce_id", b"7"), ("ce_specversion", b"1.0"), ("content-type", b"application/json")]

    assert body(EVENT, headers) is EVENT


@pytest.mark.parametrize(
    ("value", "content_type", "reason"),
    [
        (b"[]", b"application/cloudevents+json",
         "expected a structured CloudEvent, got b'[]' (Expected `object`, got `array`)"),
        (b"{}", b"Application/CloudEvents+JSON",
         "expected `data` or `data_base64` in a structured CloudEvent, got neither"),
        (b"{}", b"application/cloudevents-batch+json",
         "expected content-type application/cloudevents+json, got 'application/cloudevents-batch+json'"),
        (b"{}", b"application/cloudevents+avro\xff",
         "expected content-type application/cloudevents+json, got 'application/cloudevents+avroÿ'"),
        (b'{"data_base64": "YQ"}', b"application/cloudevents+json",
         """expected a structured CloudEvent, got b'{"data_base64": "YQ"}' (Incorrect padding)"""),
        (b"", b"application/cloudevents+json", "expected a JSON object, got an empty value"),
    ],
)  # fmt: skip
def test_an_envelope_that_cannot_be_opened_is_undecodable(value: bytes, content_type: bytes, reason: str) -> None:
    with pytest.raises(RefusedError) as refused:
        body(value, [("content-type", content_type)])

    assert (refused.value.failure, refused.value.reason) == ("undecodable", reason)


@pytest.mark.parametrize(
    "value",
    [
        b"00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        b"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        b"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        b"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\n",
        b"\xff",
        b"",
        None,
    ],
)
def test_a_malformed_trace_is_no_trace(value: bytes | None) -> None:
    assert traceparent([("traceparent", value)]) == ""

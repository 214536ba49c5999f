"""One line for each intervention, retraction and suppressed one, as a person reads it."""

import json
from typing import Any

import pytest
from aiokafka import ConsumerRecord
from click.testing import CliRunner

from streams.commands.produce import produce
from streams.commands.watch import as_object, text, watch
from tests.schemas.samples import SAMPLES


def record_of(name: str, status: str, value: bytes | None = None) -> Any:
    headers = (("ce_type", f"shop.intervention.cart_nudge.{status}.v1".encode()), ("ce_time", b"2023-11-14T22:43:20Z"))
    body = SAMPLES[name].encode(SAMPLES[name].record) if value is None else value
    return ConsumerRecord(
        "shop.interventions.cart_nudge.v1", 3, 17, 0, 0, b"u-1", body, None, len(b"u-1"), len(body), headers
    )


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        ("intervention", "issued", ["39.98", "EUR", "model", "cart_idle_s=750"]),
        ("suppressed", "suppressed", ["39.98", "EUR", "model", "already_converted"]),
        ("retraction", "retracted", ["converted"]),
    ],
)
def test_a_line_says_when_what_for_whom_and_why(name: str, status: str, words: list[str]) -> None:
    line = text(record_of(name, status))

    assert line.split() == ["2023-11-14T22:43:20Z", status, "cart_nudge", "u-1", *words]


def test_a_record_that_cannot_be_read_is_shown_with_its_place() -> None:
    line = text(record_of("intervention", "issued", b'{"intervention_id": 1}'))

    assert line.startswith("not readable: shop.interventions.cart_nudge.v1[3] at 17: ")


def test_as_json_a_record_stands_in_its_line_as_it_is() -> None:
    shown = json.loads(as_object(record_of("intervention", "issued")))

    assert (shown["topic"], shown["partition"], shown["offset"]) == ("shop.interventions.cart_nudge.v1", 3, 17)
    assert shown["headers"]["ce_type"] == "shop.intervention.cart_nudge.issued.v1"
    assert shown["record"]["content"]["total_value"] == 39.98


def test_no_broker_is_said_in_one_line(tmp_path: Any) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text('{"event": "Product Viewed", "timestamp": 5}\n')

    for command, arguments in ((watch, []), (produce, [str(log)])):
        result = CliRunner().invoke(command, [*arguments, "--broker", "127.0.0.1:1"])

        assert result.exit_code == 1
        assert result.output.startswith("Error: no broker at 127.0.0.1:1; ")
        assert result.output.count("\n") == 1


def test_a_file_that_is_not_there_is_said_in_one_line() -> None:
    result = CliRunner().invoke(produce, ["/nowhere.csv"])

    assert result.exit_code == 1
    assert result.output == (
        "Error: cannot read /nowhere.csv: No such file or directory; expected a recorded log, plain, gzip or zstd\n"
    )

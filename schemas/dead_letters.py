"""What Kairos could not believe: the original record, with the reason in its headers.

Key, value and headers are the original's, unchanged. The reason uses Kafka Connect's header names, because most tools
read them (apache/kafka, DeadLetterQueueReporter), and a few of ours under `x-shop-`.
"""

from typing import Final, Literal

import msgspec

Stage = Literal["DECODE", "VALIDATE", "CLOCK"]
Headers = list[tuple[str, bytes]]

PREFIX: Final = "__connect.errors."
SOURCE_HEADER: Final = "x-shop-source"
"""A producer may say here where a record comes from, for example `orders.csv:17`: the reason then names it."""


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """Why a record was refused. `reason` is one line: what was expected, what came, and where.

    `failure` is the class of the failure: undecodable, unknown_type, missing_field, invalid_value, clock_ahead.
    """

    stage: Stage
    failure: Literal["undecodable", "unknown_type", "missing_field", "invalid_value", "clock_ahead"]
    reason: str


def headers(letter: DeadLetter, original: Headers, topic: str, partition: int, offset: int, app: str) -> Headers:
    """The original headers, then the reason. A header that the original has is never overwritten.

    Nothing in it comes from the clock or the worker, so a copy that a restart makes is the same to the byte.
    """
    ours = {
        PREFIX + "topic": topic,
        PREFIX + "partition": str(partition),
        PREFIX + "offset": str(offset),
        PREFIX + "connector.name": app,
        PREFIX + "task.id": str(partition),
        PREFIX + "stage": letter.stage,
        PREFIX + "class.name": "streams.core.clean",
        PREFIX + "exception.class.name": letter.failure,
        PREFIX + "exception.message": letter.reason,
        "x-shop-agent": "ingest",
    }
    taken = {name for name, _ in original}
    return [*original, *((name, value.encode()) for name, value in ours.items() if name not in taken)]

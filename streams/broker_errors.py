"""A broker that is not there, in one line that says what to do."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import click
from aiokafka.errors import KafkaConnectionError, KafkaTimeoutError, NodeNotReadyError


class NoBroker(click.ClickException):
    """No Kafka broker answers at an address."""

    def __init__(self, address: str) -> None:
        super().__init__(f"no broker at {address}; start one with `kairos broker`, or set --broker or KAIROS_BROKER")


@contextmanager
def talking_to(address: str) -> Iterator[None]:
    """Within it, aiokafka's connection errors become `NoBroker`, and its own lines about them are not printed."""
    client_log = logging.getLogger("aiokafka")
    level = client_log.level
    client_log.setLevel(logging.CRITICAL)
    try:
        yield
    except (KafkaConnectionError, KafkaTimeoutError, NodeNotReadyError):
        raise NoBroker(address) from None
    finally:
        client_log.setLevel(level)

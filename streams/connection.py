"""How to reach the broker, and what it says of the input topics."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, ClassVar

from aiokafka.admin import AIOKafkaAdminClient

from streams.exit_codes import ExitCode
from streams.settings import Settings


class MissingTopicError(Exception):
    """A topic that a worker needs does not exist. Starting again does not help: the worker ends as misconfigured."""

    exit_code: ClassVar[ExitCode] = ExitCode.BAD_CONFIGURATION


def connection(settings: Settings) -> dict[str, Any]:
    """What every aiokafka client of a process is given."""
    return {"bootstrap_servers": settings.broker}


async def input_partitions(
    to: Mapping[str, Any], topics: Collection[str], client: Callable[..., Any] = AIOKafkaAdminClient
) -> set[tuple[str, int]]:
    """Every partition of these topics that exists now. Raises `MissingTopicError`, which names it."""
    admin = client(**to)
    try:
        await admin.start()
        described = await admin.describe_topics(list(topics))
    finally:
        await admin.close()
    missing = [topic["topic"] for topic in described if topic["error_code"] or not topic["partitions"]]
    if missing:
        msg = f"expected the input topics, {', '.join(sorted(missing))} does not exist; run `kairos topics create`"
        raise MissingTopicError(msg)
    return {(topic["topic"], part["partition"]) for topic in described for part in topic["partitions"]}

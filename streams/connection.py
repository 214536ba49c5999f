"""How to reach the broker, and what it says of the input topics."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import Any, ClassVar, Final

from aiokafka.admin import AIOKafkaAdminClient

from streams.exit_codes import ExitCode
from streams.settings import Settings

ANSWER_LIMIT_S: Final = 10.0


class MissingTopicError(Exception):
    """A topic that a worker needs does not exist. Starting again does not help: the worker ends as misconfigured."""

    exit_code: ClassVar[ExitCode] = ExitCode.BAD_CONFIGURATION


def connection(settings: Settings) -> dict[str, Any]:
    """What every aiokafka client of a process is given."""
    return {"bootstrap_servers": settings.broker}


class InputTopics:
    """Asks the broker for the partitions of the input topics, over one connection, made anew after a failure."""

    def __init__(
        self, to: Mapping[str, Any], topics: Collection[str], client: Callable[..., Any] = AIOKafkaAdminClient
    ) -> None:
        self._to, self._topics, self._client = to, list(topics), client
        self._admin: Any = None

    async def partitions(self) -> set[tuple[str, int]]:
        """Every partition that exists now. Raises `MissingTopicError`, which names it, and what aiokafka raises.

        `TimeoutError` where nobody answers within 10 s: what a broker does not tell by then is asked of another one.
        """
        try:
            async with asyncio.timeout(ANSWER_LIMIT_S):
                if self._admin is None:
                    self._admin = self._client(**self._to)
                    await self._admin.start()
                described = await self._admin.describe_topics(self._topics)
        except BaseException:
            await self.close()
            raise
        missing = [topic["topic"] for topic in described if topic["error_code"] or not topic["partitions"]]
        if missing:
            msg = f"expected the input topics, {', '.join(sorted(missing))} does not exist; run `kairos topics create`"
            raise MissingTopicError(msg)
        return {(topic["topic"], part["partition"]) for topic in described for part in topic["partitions"]}

    async def close(self) -> None:
        """Hang up."""
        admin, self._admin = self._admin, None
        if admin is not None:
            await admin.close()

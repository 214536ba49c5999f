"""What the broker says of a consumer group: its generation, and who its members are."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka.client import AIOKafkaClient, ConnectionGroup, CoordinationType
from aiokafka.protocol.group import HeartbeatRequest

from tests.integration.whole_path.topics_read import members_of

NO_ERROR, ILLEGAL_GENERATION = 0, 22
MOST = 100


async def generation_of(broker: str, group: str) -> int:
    """The generation of a stable group. No request tells it, but a heartbeat of a member is refused in any other."""
    (member, *_) = await members_of(broker, group)
    async with _client(broker) as client:
        coordinator = await client.coordinator_lookup(CoordinationType.GROUP, group)
        for generation in range(1, MOST):
            request = HeartbeatRequest(group, generation, member)
            answer: Any = await client.send(coordinator, request, group=ConnectionGroup.COORDINATION)
            if answer.error_code == NO_ERROR:
                return generation
            assert answer.error_code == ILLEGAL_GENERATION, f"{member} of {group}: error {answer.error_code}"
    msg = f"expected a generation of {group} below {MOST}"
    raise AssertionError(msg)


@asynccontextmanager
async def _client(broker: str) -> AsyncIterator[AIOKafkaClient]:
    client = AIOKafkaClient(bootstrap_servers=broker)
    try:
        async with asyncio.timeout(20):
            await client.bootstrap()
        yield client
    finally:
        await client.close()

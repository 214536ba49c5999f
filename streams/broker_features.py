"""What a broker can do: asked, because the embedded one names requests that it then refuses."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.transaction import InitProducerIdRequest

NOT_READY: Final = (14, 15, 16)
"""Kafka's codes of a coordinator that has just started, or has moved."""
ASK_EVERY_S: Final = 0.1


async def has_transactions(connection: Mapping[str, Any], limit_s: float = 20.0) -> bool:
    """Whether the broker has idempotent producers, and transactions with them: whether it gives a producer an id.

    `connection` is what every aiokafka client is given. Raises `KafkaConnectionError` where no broker answers, and
    `TimeoutError` where it is not ready within `limit_s`.
    """
    client = AIOKafkaClient(**connection, request_timeout_ms=5_000)
    try:
        await client.bootstrap()
        for _ in range(int(limit_s / ASK_EVERY_S)):
            answer = await client.send(client.get_random_node(), InitProducerIdRequest(None, 60_000))
            if answer.error_code not in NOT_READY:
                return bool(answer.error_code == 0)
            await asyncio.sleep(ASK_EVERY_S)
        msg = f"expected the broker to give producer ids or to refuse, got not ready for {limit_s:.0f} s"
        raise TimeoutError(msg)
    finally:
        await client.close()

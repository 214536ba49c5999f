"""Agents over blocks: their failure ends the process."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import faust
from faust.types import AgentT
from faust.types.agents import ActorRefT

from streams.transport.fatal import end_with


class BlockAgent(faust.Agent):
    """A Faust agent that is not restarted behind the block at which it failed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["on_error"] = _end
        super().__init__(*args, **kwargs)

    async def _execute_actor(self, coro: Awaitable[Any], aref: ActorRefT) -> None:
        await super()._execute_actor(self._to_its_end(coro), aref)

    async def _to_its_end(self, coro: Awaitable[Any]) -> None:
        """Faust takes any cancellation for that of a rebalance, and would start the agent again behind its blocks."""
        try:
            await coro
        except asyncio.CancelledError as error:
            if not (self.should_stop or self.app.should_stop):
                await _end(self, error)
            raise


async def _end(agent: AgentT[Any], error: BaseException) -> None:
    end_with(error, f"agent {agent.name}")

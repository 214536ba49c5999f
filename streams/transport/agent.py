"""Agents over blocks: their failure ends the process."""

from typing import Any

import faust
from faust.types import AgentT

from streams.transport.fatal import end_with


class BlockAgent(faust.Agent):
    """A Faust agent that is not restarted behind the block at which it failed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["on_error"] = _end
        super().__init__(*args, **kwargs)


async def _end(agent: AgentT[Any], error: BaseException) -> None:
    end_with(error, f"agent {agent.name}")

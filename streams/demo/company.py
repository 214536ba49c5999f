"""Running something while others keep it company."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def accompanied(main: Coroutine[Any, Any, T], *company: Coroutine[Any, Any, None]) -> T:
    """What `main` returns; the others, which never end by themselves, are cancelled then. If one fails, all end."""
    task = asyncio.create_task(main)
    others = [asyncio.create_task(other) for other in company]
    try:
        await asyncio.wait([task, *others], return_when=asyncio.FIRST_COMPLETED)
        for other in others:
            if other.done():
                other.result()
        return await task
    finally:
        for running in (task, *others):
            running.cancel()
        await asyncio.gather(task, *others, return_exceptions=True)

"""The worker of a demo: `kairos worker` as a process of its own."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Final

from streams.demo.scrape import scraped
from streams.embedded.process import ServerError, ServerProcess
from streams.settings import PREFIX, Settings, rows

READY_WITHIN_S: Final = 60.0
LOOK_EVERY_S: Final = 0.1
COMMAND: Final = (sys.executable, "-c", "from streams.cli import main; main()", "worker")


def start_worker(settings: Settings, folder: Path) -> ServerProcess:
    """Start `kairos worker` with these settings and no others; its log and its data are in `folder`."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    given = {row.variable: row.value for row in rows(settings)} | {"KAIROS_DATA_DIR": str(folder / "data")}
    return ServerProcess("the worker", COMMAND, folder / "worker.log", ours | given, scratch=folder)


async def until_ready(worker: ServerProcess, settings: Settings) -> None:
    """Return when the worker owns the whole timeline. Raises `ServerError` when it ends before, or takes too long."""
    try:
        async with asyncio.timeout(READY_WITHIN_S):
            while True:
                require_alive(worker)
                seen = await asyncio.to_thread(scraped, settings.metrics_port)
                if seen is not None and seen.partitions == settings.timeline_partitions:
                    return
                await asyncio.sleep(LOOK_EVERY_S)
    except TimeoutError:
        msg = f"the worker was not ready after {READY_WITHIN_S:.0f} s: {worker.last_lines()}; the log: {worker.log}"
        raise ServerError(msg) from None


async def watch(worker: ServerProcess) -> None:
    """For ever, or until the worker ends by itself: then raises `ServerError`."""
    while True:
        require_alive(worker)
        await asyncio.sleep(LOOK_EVERY_S)


def require_alive(worker: ServerProcess) -> None:
    """Raises `ServerError` with the end of the log where the worker has ended."""
    if not worker.alive:
        raise ServerError(f"the worker ended by itself: {worker.last_lines()}; the log: {worker.log}")

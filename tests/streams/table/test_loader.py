import asyncio
import time

import pytest

from streams.table.loader import Loader, LoadTimeout


async def test_a_loader_does_not_wait_for_ever_for_a_broker_that_is_silent() -> None:
    deaf = await asyncio.start_server(lambda reader, writer: asyncio.sleep(60), "127.0.0.1", 0)
    port, began = deaf.sockets[0].getsockname()[1], time.monotonic()

    async with deaf:
        with pytest.raises(LoadTimeout, match=f"{port}.* is Kafka up"):
            await Loader({"bootstrap_servers": f"127.0.0.1:{port}"}, timeout_s=0.5).start()

    assert time.monotonic() - began < 5

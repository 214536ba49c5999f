"""An agent that was cut off in the middle of a block, on a real Apache Kafka."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from streams.exit_codes import ExitCode
from tests.integration.transport_cluster import Cluster, numbered

pytestmark = [pytest.mark.kafka]


@pytest.fixture
async def cluster(kafka: str, tmp_path: Path) -> AsyncIterator[Cluster]:
    async with Cluster(kafka, tmp_path) as cluster:
        await cluster.create()
        yield cluster


async def test_an_agent_that_is_cancelled_ends_the_process_and_is_not_started_again_behind_its_block(cluster) -> None:
    await cluster.append(numbered(0, 5))
    worker = await cluster.worker("cancelled")
    await worker.has_seen(5)
    await cluster.committed_reaches(5)
    await cluster.append([b"bad"], numbered(6, 10))

    code, said = await worker.ends()

    assert code == ExitCode.INTERNAL
    assert "agent cancelled failed: CancelledError" in said
    assert await cluster.committed() == 5

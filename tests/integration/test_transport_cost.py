"""Trap D13 of FAUST.md on a real Apache Kafka: what the transport and a real agent do for each record is nothing."""

from pathlib import Path

import pytest

from tests.integration.transport_cluster import Cluster, numbered, until

pytestmark = [pytest.mark.kafka]
BATCHES, RECORDS = 50, 1_000


async def test_d13_tasks_and_wake_ups_do_not_grow_with_the_records_of_a_block(kafka: str, tmp_path: Path) -> None:
    """Stock Faust makes four tasks and one wake-up for each record: here 200,000 and 50,000."""
    async with Cluster(kafka, tmp_path) as cluster:
        await cluster.create()
        worker = await cluster.worker("counting")
        await worker.tells("assigned")
        await cluster.append([b"first"])
        before = (await worker.tells("tasks"))["tasks"]

        await cluster.append(*[numbered(0, RECORDS)] * BATCHES)
        await until(lambda: sum(line.get("count", 0) for line in worker.lines) > BATCHES * RECORDS)

        blocks = [line for line in worker.lines if "count" in line][1:]
        assert sum(block["count"] for block in blocks) == BATCHES * RECORDS
        assert len(blocks) <= BATCHES
        assert blocks[-1]["tasks"] - before < BATCHES * RECORDS / 10, "what is left are fetches and heartbeats"

"""The transport on a broker that goes away and comes back, and on the embedded one."""

import asyncio
from pathlib import Path

import pytest

from streams.embedded.apache_kafka import ApacheKafka
from tests.integration.transport_cluster import Cluster, numbered
from tests.kafka_providers import brokers_of_its_own


@pytest.mark.kafka
@brokers_of_its_own
async def test_after_a_crash_of_the_broker_the_same_worker_reads_on_and_loses_nothing(tmp_path: Path) -> None:
    broker = await asyncio.to_thread(ApacheKafka().start)
    try:
        async with Cluster(broker.bootstrap, tmp_path) as cluster:
            await cluster.create()
            await cluster.append(numbered(0, 5))
            worker = await cluster.worker("steady")
            await worker.has_seen(5)
            await cluster.committed_reaches(5)

            await asyncio.to_thread(broker.stop_broker, 0, hard=True)
            await asyncio.sleep(7)
            await asyncio.to_thread(broker.start_broker, 0)
            await cluster.append(numbered(5, 9))

            assert await worker.has_seen(9) == numbered(0, 9)
            await cluster.committed_reaches(9)
    finally:
        await asyncio.to_thread(broker.stop)


async def test_the_embedded_broker_is_served_without_idempotence_and_transactions(
    embedded_broker: str, tmp_path: Path
) -> None:
    async with Cluster(embedded_broker, tmp_path, idempotent=False) as cluster:
        await cluster.create()
        await cluster.create(topic=f"{cluster.topic}-out")
        await cluster.append(numbered(0, 5))
        worker = await cluster.worker("steady", options={"idempotent": False, "read_committed": False})

        assert await worker.has_seen(5) == numbered(0, 5)
        await worker.ask(send=f"{cluster.topic}-out", sizes=[10] * 50)
        assert (await worker.tells("sent"))["sent"] == 50
        await worker.ask(ends=cluster.topic, timeout_s=5)
        assert (await worker.tells("ends"))["ends"] == [5]
        await cluster.committed_reaches(5)

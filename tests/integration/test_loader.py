"""The loader against a real Apache Kafka: whatever the tail of a changelog looks like, loading ends."""

import asyncio
import random

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from schemas.shopper import Meta, Shopper
from streams.core.shoppers import Shoppers
from streams.embedded.apache_kafka import ApacheKafka
from streams.table.changelog import Restored
from streams.table.changelog import records as changelog_records
from streams.table.loader import DamagedChangelogError, Loaded, Loader, LoadTimeout
from streams.table.transactions import Output, PartitionWriter, TransactionFailed
from tests.streams.table.real_kafka import TINY_BYTES, Seen, load, loading, new_partition, new_topic, seen, writing

pytestmark = pytest.mark.kafka


async def abort_a_write(kafka: str, writer: PartitionWriter, records: Seen) -> None:
    """Write records that stay in the log and are aborted."""
    refused = Output(await new_topic(kafka, tiny=True), b"anna", random.Random(1).randbytes(2 * TINY_BYTES))
    with pytest.raises(TransactionFailed):
        await writer.write(records, [refused], None)


async def test_a_partition_is_restored_as_it_was(kafka: str) -> None:
    owned = await new_partition(kafka)
    shoppers = {
        b"shopper-%d" % number: Shopper(fence=number, ids=bytes(384), ring=bytearray(1_472)) for number in range(2_000)
    }
    async with writing(kafka, owned) as writer:
        await writer.write(changelog_records(shoppers, meta=Meta(offset=2_000)), [], 2_000)
        await writer.write(changelog_records({b"shopper-7": Shopper(fence=2_500)}, [b"shopper-8"]), [], None)
        await writer.write(changelog_records({}, meta=Meta(offset=3_000, watermark_ms=9)), [], 3_000)

    async with writing(kafka, owned):
        loaded, found = await load(kafka, owned)
    restored = Restored()
    for key, value in found:
        restored.apply(key, value)

    shoppers[b"shopper-7"] = Shopper(fence=2_500)
    del shoppers[b"shopper-8"]
    assert Shoppers(restored.shoppers) == shoppers
    assert restored.meta == Meta(offset=3_000, watermark_ms=9)
    assert loaded == Loaded(2_004, 2_007)  # three markers


async def test_an_empty_partition_is_loaded_at_once(kafka: str) -> None:
    assert await load(kafka, await new_partition(kafka)) == (Loaded(0, 0), [])


async def test_a_tail_that_was_aborted_is_passed_and_not_given(kafka: str) -> None:
    owned = await new_partition(kafka)
    async with writing(kafka, owned) as writer:
        await writer.write([(b"anna", b"1")], [], 1)
        await abort_a_write(kafka, writer, [(b"anna", b"ghost"), (b"berta", b"ghost")])

    async with writing(kafka, owned):
        assert await load(kafka, owned) == (Loaded(1, 5), [(b"anna", b"1")])


async def test_a_partition_in_which_everything_was_aborted_is_loaded_empty(kafka: str) -> None:
    owned = await new_partition(kafka)
    async with writing(kafka, owned) as writer:
        await abort_a_write(kafka, writer, [(b"anna", b"ghost")])

    async with writing(kafka, owned):
        assert await load(kafka, owned) == (Loaded(0, 2), [])


async def test_aborted_records_between_committed_ones_are_left_out(kafka: str) -> None:
    owned = await new_partition(kafka)
    for number in range(3):
        async with writing(kafka, owned) as writer:
            await writer.write([(b"anna", b"%d" % number)], [], number)
            await abort_a_write(kafka, writer, [(b"anna", b"ghost")])

    async with writing(kafka, owned):
        _, found = await load(kafka, owned)

    assert found == [(b"anna", b"0"), (b"anna", b"1"), (b"anna", b"2")]


async def test_after_the_markers_alone_nothing_is_given(kafka: str) -> None:
    owned = await new_partition(kafka)
    async with writing(kafka, owned) as writer:
        await writer.write([(b"anna", b"1")], [], 1)

    async with writing(kafka, owned):
        assert await load(kafka, owned, start=1) == (Loaded(0, 2), [])


async def test_loading_goes_on_where_it_ended(kafka: str) -> None:
    owned = await new_partition(kafka)
    async with writing(kafka, owned) as writer:
        await writer.write([(b"anna", b"1")], [], 1)
        async with writing(kafka, owned) as next_writer:
            first, _ = await load(kafka, owned)
            await next_writer.write([(b"anna", b"2")], [], 2)

    async with writing(kafka, owned):
        assert await load(kafka, owned, start=first.offset_end) == (Loaded(1, 4), [(b"anna", b"2")])
        assert await load(kafka, owned, start=4) == (Loaded(0, 4), [])


async def test_loading_may_begin_in_the_middle_of_a_batch(kafka: str) -> None:
    owned = await new_partition(kafka)
    async with writing(kafka, owned) as writer:
        await writer.write([(b"anna", b"%d" % number) for number in range(10)], [], 10)

    async with writing(kafka, owned):
        _, found = await load(kafka, owned, start=8)

    assert found == [(b"anna", b"8"), (b"anna", b"9")]


async def test_what_was_deleted_from_the_head_of_the_log_is_passed(kafka: str) -> None:
    owned = await new_partition(kafka)
    async with writing(kafka, owned) as writer:
        await writer.write([(b"anna", b"%d" % number) for number in range(10)], [], 10)
    await seen(kafka, owned.changelog)
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.delete_records({TopicPartition(owned.changelog, 0): RecordsToDelete(before_offset=7)})
    await admin.close()

    async with writing(kafka, owned):
        assert await load(kafka, owned) == (Loaded(3, 11), [(b"anna", b"7"), (b"anna", b"8"), (b"anna", b"9")])


async def test_a_compacted_changelog_is_loaded_to_its_end(kafka: str) -> None:
    eager = {"cleanup_policy": "compact", "min_cleanable_dirty_ratio": "0.001", "delete_retention_ms": "0"}
    owned = await new_partition(
        kafka, **eager, segment_ms="200", min_compaction_lag_ms="0", max_compaction_lag_ms="200"
    )
    async with writing(kafka, owned) as writer:
        for number in range(5):
            await writer.write([(b"anna", b"%d" % number), (b"gone", None)], [], number)
            await asyncio.sleep(0.3)  # the next write begins a new segment, and this one can be compacted

    found: Seen = []
    async with writing(kafka, owned), asyncio.timeout(60):  # the cleaner looks every 15 s
        while not 0 < len(found) < 10:
            await asyncio.sleep(0.5)
            loaded, found = await load(kafka, owned)

    assert loaded.offset_end == 15  # ten records and five markers
    assert found[-2:] == [(b"anna", b"4"), (b"gone", None)]


async def test_a_standby_reads_up_to_what_its_owner_has_open(kafka: str) -> None:
    owned = await new_partition(kafka)
    owner = AIOKafkaProducer(bootstrap_servers=kafka, transactional_id=owned.transactional_id)
    await owner.start()
    async with owner.transaction():
        await owner.send_and_wait(owned.changelog, b"1", b"anna", partition=0)
    await owner.begin_transaction()
    await owner.send_and_wait(owned.changelog, b"2", b"anna", partition=0)

    while_open, _ = await load(kafka, owned)
    await owner.commit_transaction()
    await owner.stop()
    await seen(kafka, owned.changelog)
    afterwards, found = await load(kafka, owned, start=while_open.offset_end)

    assert while_open == Loaded(1, 2)
    assert (afterwards, found) == (Loaded(1, 4), [(b"anna", b"2")])


async def test_a_partition_is_loaded_while_another_one_is_written(kafka: str) -> None:
    owned = await new_partition(kafka)
    expected: Seen = [(b"anna-%d" % number, b"x" * 500) for number in range(20_000)]
    async with writing(kafka, owned) as writer:
        await writer.write(expected, [], 1)

    async with writing(kafka, owned), writing(kafka, owned._replace(partition=1)) as busy:
        loading = asyncio.create_task(load(kafka, owned))
        writes = 0
        while not loading.done():
            await busy.write([(b"berta", b"x" * 500)] * 100, [], writes)
            writes += 1
        _, found = await loading

    assert found == expected
    assert writes > 0


async def test_partitions_become_available_one_by_one(kafka: str) -> None:
    owned = await new_partition(kafka)
    async with writing(kafka, owned) as writer:
        await writer.write([(b"anna", b"x" * 500)] * 50_000, [], 1)
    done: list[int] = []

    async def one(loader: Loader, partition: int) -> None:
        await loader.load(partition, lambda *_: None)
        done.append(partition)

    async with writing(kafka, owned), loading(kafka, owned) as loader:
        await asyncio.gather(one(loader, 0), one(loader, 1))

    assert done == [1, 0]  # the empty one does not wait for the full one


async def test_a_load_that_stands_still_says_where(kafka: str) -> None:
    owned = await new_partition(kafka)

    with pytest.raises(LoadTimeout, match=rf"{owned.changelog}, partition 9: offset 0 of -1, stood still for 0.5 s"):
        await load(kafka, owned._replace(partition=9), timeout_s=0.5)


async def test_a_broker_that_goes_away_stops_nobody_for_ever_and_loses_nothing() -> None:
    with ApacheKafka() as broker:
        owned = await new_partition(broker.bootstrap)
        expected: Seen = [(b"anna-%d" % number, b"x" * 500) for number in range(1_000)]
        async with asyncio.timeout(60):
            async with loading(broker.bootstrap, owned, 2) as loader:
                async with writing(broker.bootstrap, owned, timeout_s=2) as writer:
                    await writer.write(expected, [], 1)
                    await asyncio.to_thread(broker.stop_broker, 0, hard=True)
                    with pytest.raises(TransactionFailed, match="no answer in 2 s"):
                        await writer.write([(b"berta", b"ghost")], [], 2)
                with pytest.raises(LoadTimeout, match="stood still for 2 s"):
                    await loader.load(0, lambda *_: None)
                await asyncio.to_thread(broker.start_broker, 0)
            async with writing(broker.bootstrap, owned):
                _, found = await load(broker.bootstrap, owned)

    assert found == expected


async def test_what_is_no_shopper_is_named_with_its_key_and_harms_nobody_once_a_later_record_has_it(kafka: str) -> None:
    owned = await new_partition(kafka)
    async with writing(kafka, owned) as writer:
        await writer.write(changelog_records({b"ann": Shopper(fence=1), b"bob": Shopper(fence=2)}), [], None)
        await writer.write([(b"ann", b"hello"), (b"bob", b"\x07"), (b"eve", b"hello")], [], None)
        await writer.write(changelog_records({b"bob": Shopper(fence=3)}), [], None)
        await writer.write([(b"eve", None)], [], None)

    async with loading(kafka, owned) as loader:
        restored = Restored()
        with pytest.raises(DamagedChangelogError, match="key b'ann', and 0 more, got none: expected changelog version"):
            await loader.load(owned.partition, restored.apply)

    async with writing(kafka, owned) as writer:
        await writer.write([(b"ann", None)], [], None)  # as the runbook says
    async with loading(kafka, owned) as loader:
        restored = Restored()
        await loader.load(owned.partition, restored.apply)

    shoppers = Shoppers(restored.shoppers)
    assert shoppers.get(b"ann") is None
    assert shoppers[b"bob"].fence == 3

"""The private names of aiokafka and Faust that the transport uses: an upgrade that changes one fails here, by name."""

import inspect
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.consumer import fetcher, subscription_state
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder, _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords
from faust.assignor import PartitionAssignor
from faust.transport import consumer
from faust.transport.drivers import aiokafka as driver
from mode import Service
from mode.utils.queues import ThrowableQueue

READ = "streams/transport/batches.py reads or writes it; look how aiokafka does this now"
OVERRIDDEN = "streams/transport overrides or calls it; look how Faust does this now"
ATTRIBUTES = [
    (
        AIOKafkaConsumer,
        ["_fetch_max_wait_ms", "_isolation_level", "_fetcher", "_subscription", "_coordinator", "_closed"],
    ),
    (
        fetcher.Fetcher,
        ["_records", "_fetch_waiters", "_wait_consume_future", "_subscriptions", "_fetch_task", "_closed"],
    ),
    (fetcher.FetchResult, ["_topic_partition", "_partition_records"]),
    (
        fetcher.PartitionRecords,
        ["_tp", "_records", "_check_crcs", "_isolation_level", "_aborted_producers", "next_fetch_offset"],
    ),
    (_DefaultRecordBatchPy, ["_buffer", "_pos", "_num_records", "_maybe_uncompress"]),
    (BatchBuilder, ["_builder", "_relative_offset"]),
    (driver.AIOKafkaConsumerThread, ["_consumer"]),
    (driver.Producer, ["_producer"]),
]
PARAMETERS = [
    (fetcher.Fetcher._notify, "self future"),
    (fetcher.Fetcher._create_fetch_waiter, "self"),
    (fetcher.FetchResult.check_assignment, "self tp"),
    (fetcher.FetchResult.has_more, "self"),
    (fetcher.FetchResult._update_position, "self"),
    (fetcher.FetchError.check_raise, "self"),
    (fetcher.PartitionRecords._consume_aborted_up_to, "self batch_offset"),
    (fetcher.PartitionRecords._contains_abort_marker, "self next_batch"),
    (subscription_state.SubscriptionState.fetch_context, "self"),
    (subscription_state.Assignment.state_value, "self tp"),
    (GroupCoordinator.check_errors, "self"),
    (driver.AIOKafkaConsumerThread._create_worker_consumer, "self transport"),
    (driver.AIOKafkaConsumerThread._ensure_consumer, "self"),
    (driver.AIOKafkaConsumerThread._commit, "self offsets"),
    (PartitionAssignor._get_client_metadata, "metadata"),
    (PartitionAssignor._perform_assignment, "self cluster member_metadata"),
    (
        PartitionAssignor._protocol_assignments,
        "self assignments cl_distribution tp_distribution topic_groups",
    ),
    (driver.Consumer._new_consumer_thread, "self"),
    (driver.Producer._ensure_producer, "self"),
    (driver.Producer._settings_extra, "self"),
    (driver.Producer._settings_default, "self"),
    (consumer.Consumer._drain_messages, "self fetcher"),
    (consumer.Consumer._commit, "self offsets"),
    (consumer.Consumer.perform_seek, "self"),
    (consumer.Consumer.resume_flow, "self"),
    (consumer.Consumer.on_partitions_revoked, "self revoked"),
    (consumer.Consumer.verify_all_partitions_active, "self"),
    (consumer.Consumer.commit, "self topics start_new_transaction"),
    (Service._crash, "self reason"),
    (ThrowableQueue.force_put_nowait, "self item"),
]


@pytest.mark.parametrize(("owner", "names"), ATTRIBUTES, ids=lambda part: getattr(part, "__name__", ""))
def test_the_attributes_are_still_there(owner: type, names: list[str]) -> None:
    source = inspect.getsource(owner)
    for name in names:
        assert f"self.{name}" in source, f"{owner.__qualname__}.{name} is gone: {READ}"


@pytest.mark.parametrize(("function", "expected"), PARAMETERS, ids=lambda part: getattr(part, "__qualname__", ""))
def test_the_functions_still_take_what_they_took(function: Any, expected: str) -> None:
    found = " ".join(inspect.signature(function).parameters)
    assert found == expected, f"{function.__qualname__} takes ({found}), expected ({expected}): {READ}; {OVERRIDDEN}"


def test_a_compiled_batch_can_be_appended_to_and_read_without_wrappers() -> None:
    builder = DefaultRecordBatchBuilder(2, 0, 1, 7, 3, 0, 1_000)
    for offset in range(2):
        assert builder.append(offset, 5, b"k", b"v", [("h", b"1")]) is not None
    records = MemoryRecords(bytes(builder.build()))

    assert records.has_next()
    batch = records.next_batch()
    assert isinstance(batch, DefaultRecordBatch)
    assert (batch.base_offset, batch.next_offset, batch.producer_id) == (0, 2, 7)
    assert batch.is_transactional
    assert not batch.is_control_batch
    assert batch.validate_crc()
    assert [(r.offset, r.timestamp, r.key, r.value, r.headers) for r in batch] == [
        (0, 5, b"k", b"v", [("h", b"1")]),
        (1, 5, b"k", b"v", [("h", b"1")]),
    ]
    assert not records.has_next()

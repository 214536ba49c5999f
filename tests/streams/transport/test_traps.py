"""The traps D1 to D14 of FAUST.md (a study of Faust 0.15.3), and the tests that show that ours has none of them.

This page is the index: it fails where a test that it names is gone, or where a test of a trap is not named here.
"""

import ast
from functools import cache
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[3]
KAFKA = "tests/integration/test_transport.py"
DURABLE = "tests/integration/test_transport_durability.py"
TRANSACTIONS = "tests/integration/test_transactions.py"
WORKERS = "tests/integration/whole_path/test_changing_workers.py"
TIMERS = "tests/streams/table/test_d11_timers.py"
ROUNDS = "tests/streams/table/test_d10_rounds.py"
COST = "tests/streams/transport/test_d13_cost.py"

TRAPS: Final[dict[str, tuple[str, list[str]]]] = {
    "d1": (
        "an exception in an agent commits the event, or the whole batch",
        [
            f"{KAFKA}::test_d1_an_exception_in_an_agent_commits_nothing_of_its_block_and_ends_the_process",
            "tests/streams/test_ingest.py::test_an_append_that_fails_raises_and_its_block_never_becomes_durable",
        ],
    ),
    "d2": (
        "a cancelled agent acknowledges what it has in hand, and a crash commits it",
        [
            f"{KAFKA}::test_d2_what_is_in_flight_at_the_end_of_the_process_is_not_committed",
            f"{KAFKA}::test_d2_a_crash_of_the_app_ends_the_process_and_commits_nothing_in_flight",
            "tests/integration/test_transport_agent.py::"
            "test_an_agent_that_is_cancelled_ends_the_process_and_is_not_started_again_behind_its_block",
            f"{WORKERS}::test_a_worker_is_killed_in_the_middle_and_its_successor_goes_on",
        ],
    ),
    "d3": (
        "offsets are committed past messages that are in flight, where acknowledgements come out of order",
        [
            f"{KAFKA}::test_d3_blocks_that_become_durable_out_of_order_are_never_committed_past_an_earlier_one",
            "tests/streams/transport/test_offsets.py::"
            "test_the_end_is_that_of_the_contiguous_durable_prefix_in_any_order",
            "tests/streams/transport/test_offsets.py::"
            "test_a_block_that_does_not_begin_where_the_last_one_ended_is_refused",
        ],
    ),
    "d4": (
        "offsets are committed before the changelog is durable, and a send that failed is only logged",
        [
            f"{DURABLE}::test_d4_input_offsets_wait_for_the_timeline_however_long_its_broker_is_away",
            f"{DURABLE}::test_d4_what_the_timeline_did_not_take_is_not_committed_and_ends_the_process",
            f"{DURABLE}::test_d4_a_changelog_that_is_not_stored_takes_its_offset_with_it",
            f"{DURABLE}::test_d4_wherever_an_owner_is_killed_the_offset_the_changelog_and_the_outputs_agree",
        ],
    ),
    "d5": (
        "`exactly_once` covers neither the topics of sinks nor the changelog",
        [
            f"{KAFKA}::test_d5_exactly_once_of_faust_is_refused",
            f"{TRANSACTIONS}::test_changelog_outputs_and_offset_are_seen_together",
            f"{TRANSACTIONS}::test_of_a_failed_transaction_nothing_is_seen_and_the_writer_is_spent",
        ],
    ),
    "d6": (
        "one slow request for offsets during recovery wedges the worker for ever",
        [
            f"{KAFKA}::test_d6_a_request_for_offsets_that_is_never_answered_wedges_nothing",
            "tests/integration/test_loader.py::test_a_load_that_stands_still_says_where",
            "tests/streams/test_ownership.py::test_a_slow_load_does_not_keep_the_others_from_being_read_on",
        ],
    ),
    "d7": (
        "with `take`, one message that cannot be decoded silently ends the agent",
        [
            f"{KAFKA}::test_d7_poison_reaches_the_agent_as_the_bytes_it_is",
            "tests/integration/whole_path/test_dead_letters.py::"
            "test_a_record_without_a_value_or_with_an_empty_header_is_a_dead_letter_too",
        ],
    ),
    "d8": (
        "pausing partitions for back-pressure loses what was fetched, and commits the hole",
        [
            f"{KAFKA}::test_d8_back_pressure_loses_nothing_and_holds_its_limit",
            f"{KAFKA}::test_d8_the_limit_in_bytes_holds_too",
        ],
    ),
    "d9": (
        "a rebalance waits without limit for what is in flight",
        [
            f"{KAFKA}::test_d9_a_drain_that_never_ends_holds_a_rebalance_up_for_its_limit_only",
            "tests/integration/whole_path/test_triton_outage.py::"
            "test_while_triton_is_gone_rules_decide_and_then_the_model_again",
        ],
    ),
    "d10": (
        "a table cannot be changed inside `take`",
        [
            f"{ROUNDS}::test_d10_the_trap_a_table_of_faust_can_not_be_changed_from_outside_of_a_stream",
            f"{ROUNDS}::test_d10_a_round_changes_the_shoppers_of_many_blocks_and_partitions_from_any_task",
            f"{ROUNDS}::test_d10_a_block_changes_the_table_in_a_thread_without_an_event_loop",
        ],
    ),
    "d11": (
        "timers and windows are of the wall clock, of one process, and in memory; restored ones never fire",
        [
            f"{TIMERS}::test_d11_a_timer_waits_for_log_time_and_for_nothing_else",
            f"{TIMERS}::test_d11_a_deadline_counts_from_the_event_and_not_from_when_it_was_read",
            f"{TIMERS}::test_d11_a_timer_survives_the_process_that_set_it",
            f"{TIMERS}::test_d11_timers_that_fell_due_while_nobody_owned_the_partition_fire_at_the_next_tick_and_once",
            f"{TIMERS}::test_d11_a_process_for_each_record_sends_what_one_process_sends",
            f"{WORKERS}::test_a_worker_is_killed_in_the_middle_and_its_successor_goes_on",
        ],
    ),
    "d12": (
        "each rebalance reads everything again, and what is known of a lost partition stays as a ghost",
        [
            f"{KAFKA}::test_d12_a_rebalance_with_an_unchanged_assignment_reads_again_only_what_was_not_durable",
            "tests/streams/test_ownership.py::test_a_partition_that_stays_keeps_its_state_and_is_read_on_from_there",
            "tests/streams/test_ownership.py::"
            "test_what_another_worker_may_have_owned_in_a_missed_generation_is_loaded_anew",
        ],
    ),
    "d13": (
        "an event costs four asyncio tasks and a wake-up of the agent",
        [
            "tests/integration/test_transport_cost.py::"
            "test_d13_tasks_and_wake_ups_do_not_grow_with_the_records_of_a_block",
            f"{COST}::test_d13_a_round_costs_as_many_tasks_calls_and_transactions_for_many_records_as_for_few",
            f"{COST}::test_d13_ingest_costs_as_many_tasks_and_appends_for_many_records_as_for_few",
        ],
    ),
    "d14": (
        "no test runs a worker of Faust against a broker, so every guarantee has to be tested here",
        [
            "tests/streams/transport/test_traps.py::test_d14_what_depends_on_kafka_is_tested_on_a_real_one",
            "tests/test_kafka_providers.py::test_without_a_real_kafka_the_test_fails_on_ci",
            "tests/integration/whole_path/test_exact_counts.py::"
            "test_all_that_was_read_is_in_the_timeline_or_a_dead_letter_and_replay_equals_live",
        ],
    ),
}
OF_PURE_STATE = {"d10", "d14"}
"""The others depend on Kafka, or on what Faust and aiokafka do with it."""


@cache
def names_in(path: Path) -> frozenset[str]:
    """The names of the tests in a file."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    names = [node.name for node in ast.parse(path.read_text()).body if isinstance(node, functions)]
    return frozenset(name for name in names if name.startswith("test_"))


def test_the_traps_are_d1_to_d14() -> None:
    assert list(TRAPS) == [f"d{number}" for number in range(1, 15)]


@pytest.mark.parametrize("trap", TRAPS)
def test_every_test_of_a_trap_exists_and_one_bears_its_number(trap: str) -> None:
    named = [test.split("::") for test in TRAPS[trap][1]]

    missing = [f"{path}::{name}" for path, name in named if name not in names_in(ROOT / path)]

    assert missing == [], f"{trap} ({TRAPS[trap][0]}) is not shown to be absent any more"
    assert any(name.startswith(f"test_{trap}_") for _, name in named)


def test_every_test_that_bears_the_number_of_a_trap_is_in_the_index() -> None:
    bearing = {
        f"{path.relative_to(ROOT)}::{name}"
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in names_in(path)
        if name.split("_")[1] in TRAPS
    }

    assert bearing <= {test for _, tests in TRAPS.values() for test in tests}


@pytest.mark.parametrize("trap", sorted(TRAPS.keys() - OF_PURE_STATE))
def test_d14_what_depends_on_kafka_is_tested_on_a_real_one(trap: str) -> None:
    files = {ROOT / test.partition("::")[0] for test in TRAPS[trap][1]}

    assert any("pytest.mark.kafka" in path.read_text() for path in files), f"{trap}: {TRAPS[trap][0]}"

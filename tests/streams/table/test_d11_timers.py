"""Trap D11 of FAUST.md: its timers and windows are of the wall clock, of one process, and in memory.

Ours are deadlines in event time, in the shopper's record: whoever loads the changelog fires them, once. That it holds
for processes that are killed, on a real Kafka: `tests/integration/whole_path/test_changing_workers.py`.
"""

from collections.abc import Sequence

import pytest

from streams.core.outputs import Output
from streams.table.changelog import Restored
from tests.streams.builders import Log, Record
from tests.streams.decided import answer, partition, sent

IDLE_S = 30 * 60
T0_S = 1_000_000


def two_carts() -> Log:
    """Two open carts that come to their end ten minutes apart, and no word of log time since."""
    return Log().tick(T0_S).cart(T0_S + 1).cart(T0_S + 601, user="bob").tick(T0_S + 602)


class Process:
    """One that loads a partition from the bytes of its changelog, and knows nothing else."""

    def __init__(self, changelog: dict[bytes, bytes]) -> None:
        self.changelog, self.partition, found = changelog, partition(), Restored()
        for key, value in changelog.items():
            found.apply(key, value)
        self.partition.shard.restore(found.shoppers, found.meta)

    def reads(self, records: Sequence[Record]) -> list[Output]:
        """Step, decide, commit: what was sent."""
        answer(self.partition, self.partition.step(records))
        write = self.partition.commit()
        self.changelog |= {key: value for key, value in write.changelog if value is not None}
        return write.outputs


def nudged(outputs: list[Output]) -> list[str]:
    """Who was nudged, in the order in which it was sent."""
    return [body["target"]["id"] for body in sent(outputs)]


def test_d11_a_timer_waits_for_log_time_and_for_nothing_else() -> None:
    process, log = Process({}), two_carts()

    assert nudged(process.reads(log.records)) == []
    assert nudged(process.reads(log.tick(T0_S + 1 + IDLE_S).records[-1:])) == ["ann"]
    assert nudged(process.reads(log.tick(T0_S + 601 + IDLE_S).records[-1:])) == ["bob"]


def test_d11_a_deadline_counts_from_the_event_and_not_from_when_it_was_read() -> None:
    log = Log().tick(T0_S).view(T0_S + 1_700, user="bob").cart(T0_S + 1).tick(T0_S + 1 + IDLE_S)

    assert nudged(Process({}).reads(log.records)) == ["ann"]


def test_d11_a_timer_survives_the_process_that_set_it() -> None:
    changelog: dict[bytes, bytes] = {}
    log = two_carts()
    assert nudged(Process(changelog).reads(log.records)) == []

    log.tick(T0_S + 1 + IDLE_S)
    assert nudged(Process(changelog).reads(log.records[-1:])) == ["ann"]
    log.tick(T0_S + 601 + IDLE_S)
    assert nudged(Process(changelog).reads(log.records[-1:])) == ["bob"]


def test_d11_timers_that_fell_due_while_nobody_owned_the_partition_fire_at_the_next_tick_and_once() -> None:
    changelog: dict[bytes, bytes] = {}
    log = two_carts()
    Process(changelog).reads(log.records)

    log.tick(T0_S + 2 * IDLE_S).tick(T0_S + 3 * IDLE_S)

    assert nudged(Process(changelog).reads(log.records[-2:-1])) == ["ann", "bob"]
    assert nudged(Process(changelog).reads(log.records[-1:])) == []


@pytest.mark.parametrize("tick_every_s", [1, 60, 1_000])
def test_d11_a_process_for_each_record_sends_what_one_process_sends(tick_every_s: int) -> None:
    log = two_carts().buy(T0_S + 700, user="bob").cart(T0_S + 800)
    for at_s in range(T0_S + 800, T0_S + 900 + 2 * IDLE_S, tick_every_s):
        log.tick(at_s)
    changelog: dict[bytes, bytes] = {}

    in_one = Process({})
    told = [output for record in log.records for output in in_one.reads([record])]
    told_by_many = [output for record in log.records for output in Process(changelog).reads([record])]

    assert nudged(told) == ["ann"]
    assert told_by_many == told
    assert changelog == in_one.changelog

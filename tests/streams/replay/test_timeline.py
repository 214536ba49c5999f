"""A recorded log as a timeline: the same records that ingest writes, and TICKs that never overtake what is to come."""

from itertools import pairwise

import pytest

from schemas.kinds import Kind
from schemas.timeline import SLOT_AT, Tick, decode_entry, decode_tick
from schemas.topics import CART, CLICK, CONSENT, PURCHASE
from streams.core.clean import CleanRules, Input, clean
from streams.feed import Arrival
from streams.replay.timeline import Logged, VirtualIngest
from streams.simulate import simulate
from streams.simulator.rates import Rates

HOUR_MS = 3_600_000
IDS = {topic.name: topic.id for topic in (CLICK, CART, PURCHASE, CONSENT)}


@pytest.fixture(scope="module")
def arrivals() -> list[Arrival]:
    return list(simulate(7, 40, 6 * HOUR_MS, rates=Rates(malformed=0.05)))


def search(at_ms: int) -> Arrival:
    value = b'{"event": "Products Searched", "messageId": "m", "userId": "ann", "properties": {"query": "mug"}, '
    return Arrival(at_ms, CLICK.name, b"ann", value + b'"timestamp": %d}' % at_ms)


def ticks_of(records: list[Logged]) -> list[tuple[int, Tick]]:
    """The TICKs, each with the log time at which it was written."""
    return [(r.at_ms, decode_tick(r.value)) for r in records if r.value[SLOT_AT] == Kind.TICK]


def test_every_arrival_becomes_one_record_or_is_counted_as_refused(arrivals):
    ingest = VirtualIngest()

    records = list(ingest.timeline(arrivals))

    events = [record for record in records if record.key is not None]
    assert len(events) + ingest.refused == len(arrivals)
    assert ingest.refused > 0
    assert [record.offset for record in records] == list(range(len(records)))


def test_records_are_those_that_ingest_makes_of_topics_with_one_partition(arrivals):
    expected, offsets = [], dict.fromkeys(IDS, 0)
    for arrival in arrivals:
        source = Input(arrival.topic, IDS[arrival.topic], 0)
        rules = CleanRules(trust_append_time=False)
        done = clean(source, offsets[arrival.topic], arrival.value, arrival.headers, arrival.at_ms, rules)
        offsets[arrival.topic] += 1
        expected += [done[:2]] if isinstance(done, tuple) else []

    records = VirtualIngest().timeline(arrivals)

    assert [(record.key, record.value) for record in records if record.key is not None] == expected


def test_a_tick_stays_behind_what_has_arrived_by_the_lateness_allowed(arrivals):
    records = list(VirtualIngest(lateness_ms=7_000).timeline(arrivals))

    *during, _end = ticks_of(records)
    assert all(tick.at_ms <= written_ms - 7_000 for written_ms, tick in during)


def test_ticks_go_on_by_a_second_at_least(arrivals):
    ticks = [tick.at_ms for _, tick in ticks_of(list(VirtualIngest().timeline(arrivals)))]

    assert all(later - earlier >= 1_000 for earlier, later in pairwise(ticks[:-1]))
    assert ticks == sorted(ticks)


def test_a_tick_stands_before_the_arrival_that_let_time_go_on():
    base_ms = 1_700_000_000_000
    records = list(VirtualIngest(lateness_ms=500).timeline([search(base_ms), search(base_ms + 60_000)]))

    told = [decode_tick(r.value).at_ms if r.key is None else decode_entry(r.value).slot.at_ms for r in records]
    assert [at_ms - base_ms for at_ms in told] == [-500, 0, 59_500, 60_000, 60_000]


def test_at_the_end_log_time_runs_on_so_that_every_open_cart_resolves():
    base_ms = 1_700_000_000_000

    *_, end = VirtualIngest().timeline([search(base_ms)], run_on_ms=HOUR_MS)

    assert decode_tick(end.value) == Tick(base_ms + HOUR_MS, base_ms + HOUR_MS)


def test_arrivals_whose_time_falls_do_not_take_log_time_back():
    base_ms = 1_700_000_000_000

    records = list(VirtualIngest().timeline([search(base_ms), search(base_ms - HOUR_MS), search(base_ms + 1)]))

    ticks = [tick.at_ms for _, tick in ticks_of(records)]
    assert ticks == sorted(ticks)


def test_of_no_arrivals_there_is_no_timeline():
    assert list(VirtualIngest().timeline([])) == []


def test_two_runs_are_the_same_to_the_byte(arrivals):
    assert list(VirtualIngest().timeline(arrivals)) == list(VirtualIngest().timeline(arrivals))

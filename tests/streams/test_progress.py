"""What may be said of an input partition: "now" only when everything before its probed end is acknowledged."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from schemas.progress import Progress
from streams.progress import InputPartition, Probe, ProgressKeeper, Tracker
from tests.streams.clocks import Clock

CART: InputPartition = ("cart", 0)
CLICK: InputPartition = ("click", 0)


def test_a_partition_is_as_far_as_the_last_record_that_was_acknowledged():
    tracker = Tracker(5)

    tracker.acknowledged(9, last_ms=400, now_ms=1_000)

    assert tracker.progress == Progress(at_ms=400, offset=9)


def test_a_record_from_the_future_does_not_take_the_partition_there():
    tracker = Tracker(0)

    tracker.acknowledged(1, last_ms=99_000, now_ms=1_000)

    assert tracker.progress.at_ms == 1_000


def test_a_block_in_which_nothing_was_believed_says_nothing_about_time():
    tracker = Tracker(0)

    tracker.acknowledged(3, last_ms=-1, now_ms=1_000)

    assert tracker.progress == Progress(at_ms=-1, offset=3)


def test_an_empty_partition_is_at_now_as_soon_as_it_is_probed():
    tracker = Tracker(0)

    tracker.probed(Probe(1_000, 0))

    assert tracker.progress == Progress(at_ms=1_000, offset=0)


def test_now_is_told_only_when_everything_before_the_probed_end_is_acknowledged():
    tracker = Tracker(0)
    tracker.probed(Probe(1_000, end=10))
    tracker.acknowledged(9, last_ms=100, now_ms=1_500)
    assert tracker.progress.at_ms == 100

    tracker.acknowledged(10, last_ms=120, now_ms=2_000)

    assert tracker.progress.at_ms == 1_000, "the clock of the probe, not of the acknowledgement"


def test_a_probe_that_is_not_reached_yet_is_kept_and_later_ones_are_not_waited_for():
    tracker = Tracker(0)
    tracker.probed(Probe(1_000, end=10))
    tracker.probed(Probe(2_000, end=20))

    tracker.acknowledged(15, last_ms=100, now_ms=3_000)

    assert tracker.progress.at_ms == 1_000


def test_after_a_probe_was_reached_the_next_one_counts():
    tracker = Tracker(10)
    tracker.probed(Probe(1_000, end=10))
    tracker.probed(Probe(2_000, end=10))

    assert tracker.progress.at_ms == 2_000


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(0, 5)),
        st.tuples(st.just("acknowledge"), st.integers(0, 5)),
        st.tuples(st.just("probe"), st.integers(0, 5)),
        st.tuples(st.just("sleep"), st.integers(0, 500)),
    ),
    max_size=60,
)


@given(STEPS)
def test_whatever_happens_everything_older_than_the_progress_is_acknowledged(steps):
    """Records are of the time at which they are appended; their acknowledgements come later, in order."""
    tracker, log, acknowledged, now_ms = Tracker(0), [], 0, 0
    last = tracker.progress
    for what, much in steps:
        if what == "sleep":
            now_ms += much
        elif what == "append":
            now_ms += 1
            log += [now_ms] * much
        elif what == "probe":
            tracker.probed(Probe(now_ms, len(log)))
        elif acknowledged < min(acknowledged + much, len(log)):
            acknowledged = min(acknowledged + much, len(log))
            tracker.acknowledged(acknowledged, log[acknowledged - 1], now_ms)

        assert (tracker.progress.at_ms, tracker.progress.offset) >= (last.at_ms, last.offset), "never back"
        assert all(at_ms >= tracker.progress.at_ms for at_ms in log[acknowledged:])
        last = tracker.progress


class Broker:
    """Where partitions end, and what was published."""

    def __init__(self, **ends: int) -> None:
        self.ends = {(name, 0): end for name, end in ends.items()}
        self.published: list[tuple[InputPartition, Progress]] = []

    async def ends_of(self, parts: list[InputPartition]) -> dict[InputPartition, int]:
        return {part: self.ends[part] for part in parts if part in self.ends}

    async def publish(self, part: InputPartition, progress: Progress) -> None:
        self.published.append((part, progress))


def keeper(broker: Broker, clock: Clock) -> ProgressKeeper:
    return ProgressKeeper(clock, broker.ends_of, broker.publish)


async def test_progress_is_published_once_for_each_change():
    broker, clock = Broker(cart=0), Clock(1_000)
    keep = keeper(broker, clock)
    keep.assign({CART: 0})

    for _ in range(2):
        await keep.probe()
        await keep.publish()

    assert broker.published == [(CART, Progress(at_ms=1_000, offset=0))]


async def test_nothing_is_published_of_a_partition_of_which_nothing_is_known():
    broker = Broker(cart=7)
    keep = keeper(broker, Clock(1_000))
    keep.assign({CART: 0})

    await keep.probe()
    await keep.publish()

    assert broker.published == []


async def test_while_log_time_is_not_known_nothing_is_probed():
    broker, clock = Broker(cart=0), Clock(-1)
    keep = keeper(broker, clock)
    keep.assign({CART: 0})

    await keep.probe()

    assert keep.trackers[CART].progress.at_ms == -1


async def test_a_clock_that_moves_while_the_broker_is_asked_is_not_believed():
    class Slow(Broker):
        async def ends_of(self, parts: list[InputPartition]) -> dict[InputPartition, int]:
            clock.at_ms = 9_000
            return await super().ends_of(parts)

    broker, clock = Slow(cart=0), Clock(1_000)
    keep = keeper(broker, clock)
    keep.assign({CART: 0})

    await keep.probe()

    assert keep.trackers[CART].progress.at_ms == 1_000


async def test_a_broker_that_does_not_answer_a_probe_only_holds_the_partition_back():
    keep = keeper(Broker(), Clock(1_000))
    keep.assign({CART: 0})

    await keep.probe()

    assert keep.trackers[CART].progress.at_ms == -1


async def beats_of(broker: Broker) -> int:
    """How often a keeper has shown that it lives, after its first look."""
    beats: list[None] = []
    running = asyncio.create_task(keeper(broker, Clock(1_000)).run(lambda: {CART: 0}, lambda: beats.append(None)))
    await asyncio.sleep(0.05)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return len(beats)


async def test_a_worker_that_no_broker_answers_shows_no_life_so_that_its_watchdog_ends_it():
    assert await beats_of(Broker(cart=0)) == 1
    assert await beats_of(Broker()) == 0


async def test_partitions_that_stay_keep_their_progress_over_a_rebalance_and_tell_it_again():
    broker = Broker(cart=0, click=0)
    keep = keeper(broker, Clock(1_000))
    keep.assign({CART: 0})
    await keep.probe()
    await keep.publish()

    keep.assign({CART: 0, CLICK: 3})
    await keep.publish()

    assert broker.published == [(CART, Progress(at_ms=1_000, offset=0))] * 2
    assert keep.trackers[CLICK].progress == Progress(at_ms=-1, offset=3)


async def test_a_partition_that_went_away_is_neither_tracked_nor_published():
    broker = Broker(cart=0, click=0)
    keep = keeper(broker, Clock(1_000))
    keep.assign({CART: 0})
    keep.assign({CLICK: 0})

    keep.acknowledged(CART, 5, 500)
    await keep.probe()
    await keep.publish()

    assert [part for part, _ in broker.published] == [CLICK]


async def test_progress_is_told_again_although_nothing_changed_so_that_a_zombies_word_is_not_the_last():
    broker = Broker(cart=0)
    keep = keeper(broker, Clock(1_000))
    keep.assign({CART: 0})

    for _ in range(2):
        keep.repeat()
        await keep.probe()
        await keep.publish()

    assert broker.published == [(CART, Progress(at_ms=1_000, offset=0))] * 2

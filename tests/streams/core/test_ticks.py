"""The watermark never passes what some input partition has still to bring."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.timeline import Tick
from streams.core.ticks import due, tick

PROGRESS = st.dictionaries(
    st.tuples(st.sampled_from(["click", "consent"]), st.integers(0, 3)), st.integers(-1, 100_000), max_size=6
)


LATER_MS = 200_000


@given(PROGRESS, st.integers(0, 5_000), st.integers(-1, LATER_MS))
def test_a_tick_is_the_slowest_partition_less_the_lateness(progress, lateness_ms, as_of_ms):
    """Where partitions that nobody knows may have been made since `as_of_ms`, these are the slowest."""
    consent = {source for source in progress if source[0] == "consent"}

    now = tick(progress, progress, consent, lateness_ms, as_of_ms)

    if not progress:
        assert now is None
        return
    slowest_ms = min(*progress.values(), as_of_ms) - lateness_ms
    consent_ms = min(*(progress[source] for source in consent or progress), as_of_ms) - lateness_ms
    assert now == Tick(slowest_ms, consent_ms)


@given(PROGRESS)
def test_a_partition_that_has_not_reported_holds_everything_back(progress):
    assert tick(progress, {*progress, ("cart", 0)}, set(), 0, LATER_MS) is None


def test_a_partition_that_no_longer_exists_holds_nothing_back():
    assert tick({("click", 0): 9_000, ("click", 7): 1}, {("click", 0)}, set(), 0, LATER_MS) == Tick(9_000, 9_000)


def test_where_no_partition_exists_nothing_is_known():
    assert tick({("click", 0): 9_000}, set(), set(), 0, LATER_MS) is None


def test_a_tick_is_due_after_a_second_of_log_time_and_never_back():
    assert [due(Tick(at_ms, 0), 5_000) for at_ms in (4_000, 5_999, 6_000)] == [False, False, True]
    assert not due(None, -1)


def test_there_is_no_tick_before_the_epoch():
    assert not due(Tick(-1, -1), -5_000)
    assert not due(Tick(998, 0), -1)
    assert due(Tick(999, 0), -1)

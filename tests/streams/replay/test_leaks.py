"""No feature knows of the future: a log that is cut off at any moment gives the same requests up to there."""

import math
import random
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from inference.inputs import Request
from schemas.kinds import Kind
from schemas.timeline import decode_entry
from streams.core.shard import Rules
from streams.feed import Arrival
from streams.replay.examples import examples
from streams.replay.moments import Asked, Moments, Seen
from streams.simulate import simulate
from streams.simulator.log import write_arrival
from streams.simulator.rates import Rates

HOUR_MS = 3_600_000
CUTS = 60
Run = Callable[[Iterable[Arrival]], Iterator[tuple[int, Request]]]
"""From a log to its requests, each with its place in the log."""


@pytest.fixture(scope="module")
def log() -> list[Arrival]:
    """A shop with late events, repeats and clocks that are wrong: 12 hours of it."""
    return list(simulate(seed=9, shoppers=120, duration_ms=12 * HOUR_MS, rates=Rates(late=0.05, duplicates=0.05)))


def requests(log: Iterable[Arrival]) -> Iterator[tuple[int, Request]]:
    """Those of the replay engine."""
    for moment in Moments(Rules()).run(log):
        if isinstance(moment, Asked):
            yield moment.place, moment.request


def leaks(run: Run, log: list[Arrival], cuts: Iterable[int]) -> list[int]:
    """The cuts of the log by which something changes that was asked before."""
    whole = list(run(log))
    return [cut for cut in cuts if list(run(log[:cut])) != [one for one in whole if one[0] <= cut]]


def cuts_of(log: list[Arrival]) -> list[int]:
    """Many moments, the last one near the end."""
    return sorted(random.Random(4).sample(range(len(log) // 20, len(log)), CUTS))


def test_requests_are_the_same_whatever_comes_after_them(log: list[Arrival]) -> None:
    assert leaks(requests, log, cuts_of(log)) == []
    assert len(list(requests(log))) > 500


def test_a_planted_leak_is_noticed(log: list[Arrival]) -> None:
    """Who will buy is known from the whole log: of a buyer `orders` is one more, from the beginning."""

    def leaky(log: Iterable[Arrival]) -> Iterator[tuple[int, Request]]:
        moments = list(Moments(Rules()).run(log))
        kinds = [(one.key, decode_entry(one.value).slot.kind) for one in moments if isinstance(one, Seen)]
        buyers = {key for key, kind in kinds if kind == Kind.ORDER_COMPLETED}
        for one in moments:
            if isinstance(one, Asked):
                *first, orders = one.request.context
                yield one.place, one.request._replace(context=(*first, orders + (one.key in buyers)))

    assert len(leaks(leaky, log, cuts_of(log))) > 10


def test_a_leak_of_a_single_event_is_noticed(log: list[Arrival]) -> None:
    """The number of events in one request is that of a moment later: off by one, in one place."""
    places = [place for place, _ in requests(log)]
    leaky_at = places[len(places) // 2]

    def leaky(log: Iterable[Arrival]) -> Iterator[tuple[int, Request]]:
        for place, request in requests(log := list(log)):
            sees_more = place == leaky_at and len(log) > place
            yield place, request._replace(at_ms=request.at_ms + sees_more)

    assert leaks(leaky, log, [leaky_at - 1, leaky_at, leaky_at + 1]) == [leaky_at]


def labels(log: list[Arrival], folder: Path, end: int) -> list[tuple[float, float, float]]:
    """The labels of a log up to here, NaN for what is not known."""
    path = folder / f"{end}.jsonl"
    with path.open("wb") as file:
        for arrival in log[:end]:
            write_arrival(file, arrival)
    found = ((one.abandon_30m, one.purchase_24h, one.next_action) for one in examples(path))
    return [(abandon, buys, math.nan if action < 0 else action) for abandon, buys, action in found]


def test_a_label_is_masked_until_it_is_known_and_does_not_change_afterwards(tmp_path: Path) -> None:
    on_time = Rates(**dict.fromkeys(Rates.__struct_fields__, 0.0))
    log = list(simulate(seed=9, shoppers=40, duration_ms=30 * HOUR_MS, rates=on_time))
    whole = labels(log, tmp_path, len(log))
    revealed = [0, 0, 0]

    for end in range(len(log) // 8, len(log), len(log) // 8):
        early = labels(log, tmp_path, end)
        for before, after in zip(early, whole, strict=False):
            for nth, (then, later) in enumerate(zip(before, after, strict=True)):
                assert math.isnan(then) or then == later
                revealed[nth] += math.isnan(then) and not math.isnan(later)

    assert all(count > 10 for count in revealed)

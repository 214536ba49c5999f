"""TICKs follow the slowest input partition; one that is missing is named."""

from schemas.progress import Progress, encode
from schemas.timeline import Tick, decode_tick
from schemas.topics import CONSENT
from streams.core.ticks import Source
from streams.ticker import Ticker

CART, CLICK, SAID = ("shop.cart", 0), ("shop.click", 3), (f"test-7.{CONSENT.name}", 0)


class World:
    """What exists, what is owned, and what was appended."""

    def __init__(self, *expected: Source, lateness_ms: int = 0) -> None:
        self.parts, self.as_of_ms = set(expected), 1_000_000
        self.owned = {0: -1}
        self.appended: list[tuple[int, Tick]] = []
        self.ticker = Ticker(self.append, self, lambda: self.owned, lateness_ms)

    async def append(self, partition: int, value: bytes) -> None:
        self.appended.append((partition, decode_tick(value)))

    async def hears(self, source: Source, at_ms: int) -> None:
        self.ticker.heard(f"{source[0]}/{source[1]}".encode(), encode(Progress(at_ms=at_ms, offset=0)))
        await self.ticker.look()

    @property
    def times(self) -> list[int]:
        return [tick.at_ms for _, tick in self.appended]


async def test_a_partition_that_has_not_reported_holds_back_and_is_named():
    world = World(CART, CLICK)

    await world.hears(CART, 9_000)

    assert world.appended == []
    assert world.ticker.holding_back() == [CLICK]


async def test_when_all_have_reported_the_slowest_is_named():
    world = World(CART, CLICK)
    await world.hears(CART, 9_000)

    await world.hears(CLICK, 4_000)

    assert world.times == [4_000]
    assert world.ticker.holding_back() == [CLICK]


async def test_a_partition_that_was_added_to_a_topic_holds_back_from_then_on():
    world = World(CART)
    await world.hears(CART, 9_000)
    world.parts.add(CLICK)

    await world.hears(CART, 20_000)

    assert world.times == [9_000]
    assert world.ticker.holding_back() == [CLICK]


async def test_no_tick_passes_the_moment_at_which_it_was_asked_what_partitions_there_are():
    """One that was made since may hold an event of any later time, and nobody has reported it yet."""
    world = World(CART, lateness_ms=500)
    world.as_of_ms = 4_000

    await world.hears(CART, 9_000)
    assert world.times == [3_500]

    world.parts, world.as_of_ms = {CART, CLICK}, 12_000
    await world.hears(CART, 15_000)
    assert world.times == [3_500]

    await world.hears(CLICK, 6_000)
    assert world.times == [3_500, 5_500]


async def test_there_is_at_most_one_tick_a_second_of_log_time():
    world = World(CART)

    for at_ms in (1_000, 1_500, 1_999, 2_000, 2_400, 60_000):
        await world.hears(CART, at_ms)

    assert world.times == [1_000, 2_000, 60_000]


async def test_progress_that_falls_is_not_believed():
    world = World(CART)

    for at_ms in (5_000, 1_000, 7_000):
        await world.hears(CART, at_ms)

    assert world.times == [5_000, 7_000]
    assert world.ticker.progress == {CART: 7_000}


async def test_a_tick_allows_for_lateness_and_says_how_far_consent_was_read():
    world = World(CART, SAID, lateness_ms=500)
    await world.hears(SAID, 3_000)

    await world.hears(CART, 9_000)

    assert world.appended == [(0, Tick(2_500, 2_500))]


async def test_every_partition_that_is_owned_gets_the_ticks_that_it_lacks():
    world = World(CART)
    world.owned = {0: -1, 3: 8_500, 5: 20_000}

    await world.hears(CART, 9_000)

    assert world.appended == [(0, Tick(9_000, 9_000))]


async def test_a_partition_that_was_taken_over_gets_no_tick_that_its_log_has():
    world = World(CART)
    await world.hears(CART, 9_000)
    world.owned = {1: 8_900}

    await world.hears(CART, 9_500)
    await world.hears(CART, 9_900)

    assert world.appended == [(0, Tick(9_000, 9_000)), (1, Tick(9_900, 9_900))]


async def test_what_was_written_counts_before_it_was_read_back():
    world = World(CART)

    for _ in range(3):
        await world.hears(CART, 9_000)

    assert world.times == [9_000]


async def test_before_anything_is_known_to_exist_nothing_is_written():
    world = World()

    await world.hears(CART, 9_000)

    assert (world.appended, world.ticker.holding_back()) == ([], [])


def test_a_record_without_a_key_is_passed_over():
    world = World(CART)

    world.ticker.heard(None, encode(Progress(at_ms=1, offset=0)))

    assert world.ticker.progress == {}

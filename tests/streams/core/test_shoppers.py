"""Two tiers are one table: whatever moves between them, and when, nobody can tell."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from schemas.shopper import Cart, Shopper, encode_shopper
from streams.core.encoded import Encoded
from streams.core.shoppers import DAY_MS, SLICES, Shoppers, slice_of, slices_due
from streams.table.changelog import records
from streams.table.loader import LogNow
from streams.table.stores import Stores

KEYS = st.sampled_from([b"user-%d" % number for number in range(5)])
CART = Cart("c", (1, 0, 0, 0), 0, 0, 1_800_000, "EUR", ())
LOG = LogNow("cluster/topic", 0, 1 << 40)


class TwoTiers(RuleBasedStateMachine):
    """Against a plain dict: `now` is what is known, `committed` what a changelog would hold, by transaction."""

    def __init__(self) -> None:
        super().__init__()
        self.now: dict[bytes, bytes] = {}
        self.log: list[tuple[bytes, bytes | None]] = []
        self.changed: set[bytes] = set()
        self.fence = 0
        self.shoppers = Shoppers(self.begin())

    def begin(self):
        raise NotImplementedError

    @rule(key=KEYS, opens=st.booleans(), events=st.integers(0, 3))
    def change(self, key: bytes, opens: bool, events: int) -> None:
        shopper = self.shoppers.touch(key)
        self.fence += 1
        shopper.fence, shopper.events, shopper.open_carts = self.fence, events, (CART,) if opens else ()
        self.now[key] = encode_shopper(shopper)
        self.changed.add(key)

    @rule(key=KEYS)
    def forget(self, key: bytes) -> None:
        if key in self.now:
            self.shoppers.remove(key)
            del self.now[key]
            self.changed.add(key)

    @rule(key=KEYS)
    def look(self, key: bytes) -> None:
        found = self.shoppers.get(key)
        assert (found and encode_shopper(found)) == self.now.get(key)

    @rule(part=st.floats(0, 1), known=st.booleans())
    def commit(self, part: float, known: bool) -> None:
        keys = sorted(self.changed)[: round(part * len(self.changed))]
        changes = [(key, self.now.get(key)) for key in keys]
        place = len(self.log)
        self.log += changes
        self.changed -= set(keys)
        self.shoppers.cold.write(changes, place if known else -1)

    @rule(most=st.integers(0, 5))
    def cool(self, most: int) -> None:
        self.shoppers.cool(most, self.changed, ())

    @rule(nth=st.sampled_from(sorted({slice_of(b"user-%d" % number) for number in range(5)})))
    def sweep(self, nth: int) -> None:
        found = {key: (glance.fence, glance.events) for key, glance in self.shoppers.slices([nth])}
        quiet = {
            key: (shopper.fence, shopper.events)
            for key, shopper in ((key, self.shoppers[key]) for key in self.now)
            if slice_of(key) == nth and not shopper.open_carts
        }
        assert found == quiet

    @invariant()
    def whoever_has_something_open_is_in_memory(self) -> None:
        assert all(key in self.shoppers.hot for key, value in self.now.items() if value[:1] == b"\x81")

    def teardown(self) -> None:
        assert {key: encode_shopper(shopper) for key, shopper in self.shoppers.items()} == self.now


class InMemory(TwoTiers):
    def begin(self):
        return Encoded()


class OnDisk(TwoTiers):
    def begin(self):
        self.folder = TemporaryDirectory()
        return Stores(Path(self.folder.name), "shop").open(0, LOG)

    @precondition(lambda self: self.log)
    @rule(closed=st.booleans())
    def crash_and_reopen(self, closed: bool) -> None:
        """Everything that was not committed is lost; what follows the place is read from the log."""
        if closed:
            self.shoppers.cold.close()
        else:  # another process would find the lock free; here the folder beside it is begun
            self.held = self.shoppers.cold
        store = Stores(Path(self.folder.name), "shop").open(0, LOG)
        for key, value in self.log[store.position :]:
            store.apply(key, value)
        store.reached(len(self.log))
        self.shoppers, self.changed = Shoppers(store), set()
        self.now = {key: value for key, value in dict(self.log).items() if value is not None}

    def teardown(self) -> None:
        super().teardown()
        self.shoppers.cold.close()
        self.folder.cleanup()


TestInMemory = InMemory.TestCase
TestInMemory.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestOnDisk = OnDisk.TestCase
TestOnDisk.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)


def known(count: int) -> Shoppers:
    shoppers = Shoppers(Encoded())
    for number in range(count):
        shoppers.touch(b"user-%d" % number).fence = number
    return shoppers


def test_of_those_who_came_first_the_least_lately_used_go():
    shoppers = known(8)
    shoppers[b"user-0"].fence = 100

    shoppers.cool(6, {}, {})

    assert set(shoppers.hot) == {b"user-%d" % number for number in (0, 3, 4, 5, 6, 7)}


@pytest.mark.parametrize("group", ["changed", "decided"])
def test_whoever_is_not_written_stays(group):
    shoppers = known(4)

    shoppers.cool(0, **{"changed": (), "decided": (), group: {b"user-1"}})
    shoppers.cool(0, **{"changed": (), "decided": (), group: {b"user-1"}})

    assert set(shoppers.hot) == {b"user-1"}


def test_a_restart_takes_only_those_into_memory_who_have_something_open():
    shoppers = Shoppers(Encoded.of({b"ann": Shopper(open_carts=(CART,)), b"bob": Shopper()}))

    assert set(shoppers.hot) == {b"ann"}
    assert set(shoppers) == {b"ann", b"bob"}


def test_each_slice_is_looked_at_once_a_day_however_the_watermark_moves():
    ticks = [0, 1, 20_000, 21_093, 21_094, 60_000, 61_000, 40_000_000, DAY_MS - 1]

    looked_at = [nth for was_ms, now_ms in zip([-1, *ticks], ticks, strict=False) for nth in slices_due(was_ms, now_ms)]

    assert sorted(looked_at) == list(range(SLICES))


def test_a_watermark_that_jumps_for_days_looks_at_each_slice_once():
    assert sorted(slices_due(5 * DAY_MS, 9 * DAY_MS)) == list(range(SLICES))


def test_what_is_written_can_be_let_go_and_comes_back_the_same():
    shoppers = Shoppers(Encoded())
    ann = shoppers.touch(b"ann")
    ann.fence, ann.events = 7, 3

    shoppers.cold.write(records({b"ann": ann}), 1)
    shoppers.cool(0, (), ())

    assert shoppers.hot == {}
    assert (shoppers[b"ann"], shoppers.cold_reads) == (ann, 1)

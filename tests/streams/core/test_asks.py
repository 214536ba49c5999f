"""What a model is asked equals a recomputation from the whole log so far; what it is not asked about is known, too."""

from typing import NamedTuple

import pytest

from inference.inputs import CONTEXT, HISTORY_EVENTS
from schemas.history import SLOT_SIZE
from schemas.kinds import Kind
from schemas.timeline import SLOT_AT, Entry, Item, decode_entry, decode_tick
from streams.core.asks import Ask
from streams.core.counters import HOUR_MS
from tests.streams.builders import Log, Record
from tests.streams.core.test_counters import naive_windows
from tests.streams.decided import partition
from tests.streams.random_logs import IDLE_S, random_log

IDLE_MS = IDLE_S * 1_000


class NaiveCart(NamedTuple):
    opened_ms: int
    active_ms: int
    mugs: int


class Rescan:
    """A shopper's carts and life, found by sorting all events up to a time. No timers, nothing waits."""

    def __init__(self, events: list[Entry], before_ms: int, fired: tuple[int, str]) -> None:
        """`fired`: the last deadline that counts, with the cart's key."""
        self.carts: dict[str, NaiveCart] = {}
        self.orders = self.episodes = self.abandoned = 0
        self.bought_ms = -1
        for event in sorted(events, key=lambda entry: (entry.slot.at_ms, entry.source)):
            if event.slot.at_ms < before_ms:
                self._expire((event.slot.at_ms, "\uffff"))
                self.apply(event)
        self._expire(fired)

    def _expire(self, until: tuple[int, str]) -> None:
        for key, cart in list(self.carts.items()):
            if (cart.active_ms + IDLE_MS, key) <= until:
                del self.carts[key]
                self.abandoned += 1

    def apply(self, event: Entry) -> None:
        kind, at_ms, key = event.slot.kind, event.slot.at_ms, event.detail.cart_id
        cart = self.carts.get(key)
        if kind == Kind.PRODUCT_ADDED:
            self.episodes += cart is None
            self.carts[key] = NaiveCart(cart.opened_ms if cart else at_ms, at_ms, cart.mugs + 1 if cart else 1)
        elif kind == Kind.PRODUCT_REMOVED and cart:
            self.carts[key] = cart._replace(active_ms=at_ms, mugs=cart.mugs - 1)
            if cart.mugs == 1:
                del self.carts[key]
        elif kind == Kind.ORDER_COMPLETED:
            self.orders, self.bought_ms = self.orders + 1, at_ms
            named = [(key == other != "", cart.active_ms, other) for other, cart in self.carts.items()]
            if named:
                del self.carts[max(named)[2]]


def naive_context(ask: Ask, seen: list[Record]) -> list[float]:
    """The context of an ask, given all records of the log so far."""
    events = once([decode_entry(r.value) for r in seen if r.key == ask.key])
    watermark_ms = max([decode_tick(r.value).at_ms for r in seen if r.key is None], default=-1)
    if ask.asked == "timer":
        now = Rescan(events, ask.at_ms, (ask.at_ms, ask.cart.key))
        carts, at_ms = now.carts, watermark_ms
        mugs = sum(item.quantity for item in ask.cart.items)
        about = [mugs * 1_000, 1, (at_ms - ask.cart.opened_ms) / 1_000, (at_ms - ask.cart.active_ms) / 1_000]
    else:
        now, shown = (Rescan(events, watermark_ms, (watermark_ms, "\uffff")) for _ in range(2))
        at_ms = ask.at_ms
        for event in sorted(events, key=lambda entry: (entry.slot.at_ms, entry.source)):
            if event.slot.at_ms >= watermark_ms and event.slot.kind != Kind.ORDER_COMPLETED:
                shown.apply(event)
        carts = shown.carts
        key = max(carts, key=lambda key: (carts[key].active_ms, key), default=None)
        cart = carts.get(key)
        idle = [(at_ms - cart.opened_ms) / 1_000, (at_ms - cart.active_ms) / 1_000] if cart else [0, 0]
        about = [cart.mugs * 1_000 if cart else 0, 1 if cart else 0, *idle]
    counted_at_ms = max(at_ms, max(event.slot.at_ms for event in events) // HOUR_MS * HOUR_MS)
    windows = naive_windows([(event.slot.at_ms, event.slot.kind) for event in events], counted_at_ms)
    since = -1.0 if now.bought_ms < 0 else (at_ms - now.bought_ms) / 1_000
    return [*windows, len(events), now.orders, now.episodes, now.abandoned, since, len(carts), *about]


def once(entries: list[Entry]) -> list[Entry]:
    first: dict[str, Entry] = {}
    for entry in entries:
        first.setdefault(entry.detail.message_id, entry)
    return list(first.values())


@pytest.mark.parametrize("seed", range(120))
def test_the_context_and_history_of_a_request_equal_a_recomputation_from_the_log(seed):
    part, records, compared = partition(), random_log(seed, late=False).records, 0

    for place, record in enumerate(records):
        for ask in part.step([record]):
            if ask.request is None:
                continue
            naive = dict(zip(CONTEXT, naive_context(ask, records[: place + 1]), strict=True))
            assert dict(zip(CONTEXT, ask.request.context, strict=True)) == pytest.approx(naive)
            assert ask.request.history == naive_history(ask, records[: place + 1])
            compared += 1

    assert compared > 0


def naive_history(ask: Ask, seen: list[Record]) -> bytes:
    first: dict[str, bytes] = {}
    for record in seen:
        if record.key == ask.key:
            slot = bytes(record.value[SLOT_AT : SLOT_AT + SLOT_SIZE])
            first.setdefault(decode_entry(record.value).detail.message_id, slot)
    return b"".join(list(first.values())[-HISTORY_EVENTS:])


def last_ask(log: Log) -> Ask:
    return partition().step(log.records)[-1]


def test_the_model_sees_a_cart_that_still_waits_and_the_policy_does_not():
    ask = last_ask(Log().cart(10, items=(Item("mug", 1_000, 3),)))

    assert (ask.cart_key, ask.cart) == ("", None)
    assert dict(zip(CONTEXT, ask.request.context, strict=True))["cart_value"] == 3_000


def test_the_policy_may_act_on_the_cart_that_the_watermark_has_passed():
    ask = last_ask(Log().cart(10, cart_id="a").tick(11).view(20))

    assert (ask.cart_key, ask.cart.key) == ("a", "a")


def test_a_score_about_one_cart_says_nothing_about_another():
    ask = last_ask(Log().cart(10, cart_id="a").tick(11).cart(20, cart_id="b"))

    assert (ask.cart_key, ask.cart) == ("b", None)


def test_a_cart_that_was_emptied_a_moment_ago_is_not_acted_upon():
    ask = last_ask(Log().cart(10).tick(11).remove(20))

    assert (ask.cart_key, ask.cart) == (None, None)


def test_a_purchase_that_waits_is_known():
    assert last_ask(Log().cart(10).tick(11).buy(20).view(21)).converted


def test_a_timer_asks_about_the_cart_as_it_was_left():
    ask = last_ask(Log().cart(10, id_="the last").view(20).tick(10 + IDLE_S))

    assert (ask.asked, ask.at_ms, ask.trigger) == ("timer", 10_000 + IDLE_MS, ("the last", Kind.PRODUCT_ADDED, 10_000))
    assert ask.cause == "episode:2/0/0/0"


def test_a_purchase_asks_with_the_carts_that_stay_open():
    ask = last_ask(Log().cart(10, cart_id="a").cart(11, cart_id="b").buy(20, cart_id="a").tick(30))

    assert (ask.asked, ask.request, ask.open_episodes) == ("purchase", None, ("episode:2/0/1/0",))


def test_the_trace_of_the_event_goes_with_the_ask():
    trace = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"

    assert last_ask(Log().cart(10, traceparent=trace)).traceparent == trace

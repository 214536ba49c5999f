"""What came of a moment: the outcomes of a shopper's carts, purchases and next steps, known only afterwards.

Labels come from the same episode rules that the live path has, over all events of a shopper in event-time order.
Requests come from the live path itself, at their place in the log; nothing that a label looks at can reach a request.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from inference.heads import GAP_EDGES_S
from schemas.kinds import FIRST_CART, LAST_PURCHASE, Kind
from schemas.shopper import Cart, Shopper, Waiting
from schemas.timeline import decode_entry
from streams.core import episodes

HOUR_MS = 3_600_000
PURCHASE_MS = 24 * HOUR_MS
CHURN_MS = 30 * PURCHASE_MS
NEXT_MS = 30 * 60_000
SESSION_IDLE_MS = 30 * 60_000
"""A shopper who has been quiet for so long has left: what comes later is another session."""


class Episode(NamedTuple):
    """A cart from its opening to its end. `abandoned` is None while the log does not say."""

    key: str
    opened_ms: int
    ended_ms: int
    abandoned: bool | None


class Outcome(NamedTuple):
    """What came of a request, as `inference/heads.py` asks. NaN and -1 where it cannot be known."""

    abandon_30m: float
    purchase_24h: float
    next_action: int
    purchase_1h: float = float("nan")
    purchase_session: float = float("nan")
    churn_30d: float = float("nan")
    next_event: int = -1


class Story:
    """All events of one shopper, in event-time order: `end_ms` is how far the log is known."""

    def __init__(self, events: Sequence[Waiting], end_ms: int, idle_ms: int) -> None:
        ordered = sorted(events, key=lambda event: (event.at_ms, event.source))
        self._times = [event.at_ms for event in ordered]
        self._kinds = [event.kind for event in ordered]
        self._bought = [event.at_ms for event in ordered if event.kind == Kind.ORDER_COMPLETED]
        self._end_ms = end_ms
        self.episodes = _episodes([e for e in ordered if FIRST_CART <= e.kind <= LAST_PURCHASE], end_ms, idle_ms)

    def outcome(self, at_ms: int, cart_key: str | None) -> Outcome:
        """What came of a request at `at_ms` about the cart with this key; None where no cart was open."""
        episode = self.episode(at_ms, cart_key)
        return Outcome(
            abandon_30m=_label(None if episode is None else episode.abandoned),
            purchase_24h=_label(self.purchased(at_ms)),
            next_action=self._next(at_ms),
            purchase_1h=_label(self.purchased(at_ms, at_ms + HOUR_MS)),
            purchase_session=_label(self.purchased(at_ms, self._session_end_ms(at_ms))),
            churn_30d=_label(self._churned(at_ms)),
            next_event=self._next_gap(at_ms),
        )

    def episode(self, at_ms: int, cart_key: str | None) -> Episode | None:
        """The episode of the cart with this key that was open at `at_ms`, None without one."""
        found = [e for e in self.episodes if e.key == cart_key and e.opened_ms <= at_ms <= e.ended_ms]
        return found[-1] if found else None

    def purchased(self, at_ms: int, until_ms: int | None = None) -> bool | None:
        """Whether the shopper buys by `until_ms`, else within a day; None where the log does not reach so far."""
        until_ms = at_ms + PURCHASE_MS if until_ms is None else until_ms
        if until_ms > self._end_ms:
            return None  # also where a purchase is known already: else only buyers would be known at the end
        bought_ms = self.next_purchase_ms(at_ms)
        return bought_ms is not None and bought_ms <= until_ms

    def next_purchase_ms(self, at_ms: int) -> int | None:
        """When the shopper buys next, None where the log knows of no purchase."""
        next_one = bisect_right(self._bought, at_ms)
        return self._bought[next_one] if next_one < len(self._bought) else None

    def _session_end_ms(self, at_ms: int) -> int:
        """The last moment of the session at `at_ms`: with the next one the shopper has been quiet for half an hour."""
        last_ms = at_ms
        for event_ms in self._times[bisect_right(self._times, at_ms) :]:
            if event_ms - last_ms >= SESSION_IDLE_MS:
                break
            last_ms = event_ms
        return last_ms + SESSION_IDLE_MS - 1

    def _churned(self, at_ms: int) -> bool | None:
        until_ms = at_ms + CHURN_MS
        if until_ms > self._end_ms:
            return None
        return bisect_right(self._times, until_ms) == bisect_right(self._times, at_ms)

    def _next_gap(self, at_ms: int) -> int:
        if at_ms + GAP_EDGES_S[-1] * 1_000 > self._end_ms:
            return -1
        place = bisect_right(self._times, at_ms)
        if place == len(self._times):
            return len(GAP_EDGES_S)
        return bisect_left(GAP_EDGES_S, (self._times[place] - at_ms) / 1_000)

    def _next(self, at_ms: int) -> int:
        if at_ms + NEXT_MS > self._end_ms:
            return -1
        place = bisect_right(self._times, at_ms)
        if place == len(self._times) or self._times[place] > at_ms + NEXT_MS:
            return 0
        kind = self._kinds[place]
        return kind if kind <= LAST_PURCHASE else -1


def _label(known: bool | None) -> float:
    return float("nan") if known is None else float(known)


class Stories:
    """The stories of some shoppers, from all records of the timeline about them; each is told once it is asked for."""

    def __init__(self, end_ms: int, idle_ms: int) -> None:
        """As of a `Story`."""
        self._end_ms, self._idle_ms = end_ms, idle_ms
        self._seen: dict[bytes, list[Waiting]] = {}
        self._told: dict[bytes, Story] = {}

    def see(self, key: bytes, value: bytes) -> None:
        """Take an event of a shopper, as the timeline has it."""
        source, slot, detail = decode_entry(value)
        self._seen.setdefault(key, []).append(Waiting(slot.at_ms, source, slot.kind, detail))

    def seen(self) -> Iterable[list[Waiting]]:
        """The events of each shopper, as they arrived, repeats among them."""
        return self._seen.values()

    def of(self, key: bytes) -> Story:
        """The story of a shopper. To be asked for when everything was seen."""
        story = self._told.get(key)
        if story is None:
            story = self._told[key] = Story(_once(self._seen.get(key, [])), self._end_ms, self._idle_ms)
        return story


def _once(events: Sequence[Waiting]) -> list[Waiting]:
    """The events without those that were sent twice: the first of each message id counts."""
    return list({event.detail.message_id: event for event in reversed(events)}.values())


def _episodes(events: Sequence[Waiting], end_ms: int, idle_ms: int) -> list[Episode]:
    shopper, found = Shopper(), []
    for event in [*events, None]:
        before = {cart.episode: cart for cart in shopper.open_carts}
        watermark_ms = end_ms + 1 if event is None else event.at_ms + 1
        if event is not None:
            episodes.wait(shopper, event)
        for happened in episodes.advance(shopper, watermark_ms, idle_ms):
            if happened.abandoned is not None:
                before.pop(happened.abandoned.episode, None)
                found.append(_ended(happened.abandoned, happened.abandoned.deadline_ms, abandoned=True))
        still_open = {cart.episode for cart in shopper.open_carts}
        found += [
            _ended(cart, watermark_ms - 1, abandoned=False)
            for cart in before.values()
            if cart.episode not in still_open
        ]
    found += [Episode(cart.key, cart.opened_ms, end_ms, None) for cart in shopper.open_carts]
    return sorted(found, key=lambda episode: episode.opened_ms)


def _ended(cart: Cart, at_ms: int, *, abandoned: bool) -> Episode:
    return Episode(cart.key, cart.opened_ms, at_ms, abandoned)

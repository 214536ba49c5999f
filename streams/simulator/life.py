"""When things happen in the life of a simulated shopper: the process, and what is decided beside it."""

from random import Random
from typing import Any, Final, NamedTuple

from schemas.kinds import Kind
from streams.simulator import process
from streams.simulator.belief import Observer
from streams.simulator.carts import Cart
from streams.simulator.happening import Happening
from streams.simulator.law import switch_chance
from streams.simulator.process import IDLE_MS, MERGES, OPEN, Act
from streams.simulator.shopper import Shopper
from streams.simulator.truth import Chance, Sink

REFUNDS: Final = 0.06
REFUND_AFTER_MS: Final = 20 * 3_600_000
"""The mean time after which an order is given back."""
_SWITCH_MS: Final = (3_000, 25_000)
"""How long it takes to go on with another device: at least, at most."""
CONSENT, LAND, SWITCH, JOIN, REFUND = range(100, 105)
"""What happens beside the acts of the process."""


class Due(NamedTuple):
    """Something that will happen. `detail` is what it is about."""

    at_ms: int
    code: int
    detail: Any = None


class ShopperLife:
    """The process, interrupted by what has been decided (`_script`) and, between carts, by what comes later."""

    __slots__ = (
        "_chance", "_due", "_later", "_may_switch", "_next", "_script", "_watched", "shopper", "visitor",
    )  # fmt: skip

    def __init__(self, shopper: Shopper, chance: Random, script: list[Due], later: list[Due], *, watched: bool) -> None:
        self.shopper = shopper
        self.visitor = shopper.visitor
        self._chance = chance
        self._script = script
        self._later = later
        self._due: Due | None = None
        self._next = script[0]
        self._may_switch = 0.0
        self._watched = watched

    def advance(self) -> int | None:
        """When the next thing happens."""
        carts = self.shopper.carts
        self._next = self._script.pop(0) if self._script else self._unscripted()
        carts.settle(self._next.at_ms)
        return self._next.at_ms

    def _unscripted(self) -> Due:
        self._due = self._due or self._act_due()
        if self._later:
            at_ms = max(self._later[0].at_ms, self.shopper.carts.quiet_ms(), self.shopper.at_ms + 1)
            if at_ms < self._due.at_ms:
                return self._later.pop(0)._replace(at_ms=at_ms)
        return self._due

    def _act_due(self) -> Due:
        hand, walk = self.shopper.carts.hand, self.shopper.walk
        code = walk.next_act(hand.state, hand.deadline_ms)
        return Due(max(int(walk.at_ms), self.shopper.at_ms + 1), code)

    def is_busy(self) -> bool:
        """Whether a cart will still be open when the next thing happens."""
        carts = self.shopper.carts
        return bool(carts.aside) or carts.hand.state in OPEN

    def act(self, at_ms: int, message_id: str) -> Happening:
        """Do what is due."""
        shopper, due = self.shopper, self._next
        if due.code == LAND:
            return shopper.land(at_ms, watched=self._watched)
        shopper.begin(at_ms)
        if due.code == CONSENT:
            return Happening(Kind.CONSENT_UPDATED, {"consent": {"categoryPreferences": due.detail}})
        if due.code == REFUND:
            return Happening(Kind.ORDER_REFUNDED, due.detail)
        self._may_switch = 0.0
        happening = self._act(due.code, at_ms, message_id) if due.code < CONSENT else self._scripted(due, message_id)
        if shopper.observer:
            shopper.observer.state = shopper.carts.hand.state
            shopper.observer.deadline_ms = shopper.carts.hand.deadline_ms
        return happening

    def _act(self, code: int, at_ms: int, message_id: str) -> Happening:
        self._due = None
        shopper = self.shopper
        before = shopper.carts.hand.state
        if shopper.observer:
            shopper.observer.wait(at_ms)
        happening = shopper.act(code, message_id)
        if code == Act.BUY:
            self._maybe_refund(at_ms, happening.properties)
        elif code == Act.VIEW and before in OPEN:
            self._maybe_switch(at_ms, before)
        return happening

    def _maybe_refund(self, at_ms: int, order: dict[str, Any]) -> None:
        if self._chance.random() < REFUNDS:
            self._later.append(Due(at_ms + int(self._chance.expovariate(1 / REFUND_AFTER_MS)), REFUND, order))
            self._later.sort(key=lambda due: due.at_ms)

    def _maybe_switch(self, at_ms: int, state: int) -> None:
        self._may_switch = switch_chance(state, with_ids=self.visitor.carts_have_ids)
        if self._chance.random() < self._may_switch:
            self._script.append(Due(at_ms + self._chance.randint(*_SWITCH_MS), SWITCH))

    def _scripted(self, due: Due, message_id: str) -> Happening:
        self.shopper.walk.at_ms = due.at_ms
        if due.code == JOIN:
            return self.shopper.join(message_id)
        if self._chance.random() < MERGES:
            self._script.append(Due(due.at_ms + self._chance.randint(*_SWITCH_MS), JOIN))
        return self.shopper.switch(message_id)

    def tell(self, truth: Sink | None, at_ms: int, message_id: str) -> None:
        """Tell what is true after the event just done: a chance for each open cart, and the episodes that ended."""
        self.leave(truth)
        if truth is None or self.shopper.observer is None or not self.is_busy():
            return
        for cart, abandon in self._chances(self.shopper.observer, at_ms):
            truth(
                Chance(
                    message_id=message_id, key=self.visitor.key, at_ms=at_ms, cart_id=cart.id,
                    episode=cart.episode, abandon=abandon,
                )
            )  # fmt: skip

    def leave(self, truth: Sink | None) -> None:
        """Tell what became of the carts that are no longer open."""
        if truth is not None:
            for episode in self.shopper.carts.ended:
                truth(episode)
        self.shopper.carts.ended.clear()

    def _chances(self, observer: Observer, at_ms: int) -> list[tuple[Cart, float]]:
        """The chance of each open cart. One that lies aside is lost, unless it was just left for another device."""
        carts = self.shopper.carts
        chances = [(cart, 1.0) for cart in carts.aside]
        if self._next.code == SWITCH:
            chances[-1] = (chances[-1][0], 1 - MERGES)
        if carts.hand.state in OPEN:
            chances.append((carts.hand, self._chance_in_hand(observer, at_ms)))
        return chances

    def _chance_in_hand(self, observer: Observer, at_ms: int) -> float:
        carts, with_ids = self.shopper.carts, self.visitor.carts_have_ids
        hand = carts.hand
        stays = observer.abandon_chance(hand.state, hand.deadline_ms - at_ms, with_ids=with_ids)
        if self._next.code == SWITCH:
            joined = process.added(carts.aside[-1].state, hand.lines[0][0].expensive)
            return MERGES * observer.abandon_chance(joined, IDLE_MS, with_ids=with_ids) + (1 - MERGES) * stays
        return self._may_switch * (1 - MERGES) + (1 - self._may_switch) * stays

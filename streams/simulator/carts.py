"""The carts of one simulated shopper, as the shop sees them."""

from typing import Any

from streams.simulator.catalogue import Product
from streams.simulator.process import EMPTY, IDLE_MS, OPEN, abandoned
from streams.simulator.truth import Episode, Outcome


class Cart:
    """A cart. While `state` is that of an open one, `episode` and the times are those of the episode."""

    __slots__ = ("deadline_ms", "episode", "id", "lines", "opened_ms", "state")

    def __init__(self, id_: str) -> None:
        self.id = id_
        self.lines: list[tuple[Product, int]] = []
        self.state = EMPTY
        self.episode = ""
        self.opened_ms = -1
        self.deadline_ms = -1

    def products(self) -> list[dict[str, Any]]:
        """Segment's products."""
        return [{**product.line, "quantity": quantity} for product, quantity in self.lines]

    def value(self) -> float:
        """The sum of all lines, as a decimal amount."""
        return sum(product.price_cents * quantity for product, quantity in self.lines) / 100

    def holds(self, product: Product) -> bool:
        """Whether a line is of this product."""
        return any(line.id == product.id for line, _ in self.lines)


class Carts:
    """The cart in hand and those left open on other devices. `ended` holds episodes that were not told yet."""

    __slots__ = ("_count", "_with_ids", "aside", "ended", "hand", "key")

    def __init__(self, key: str, *, with_ids: bool) -> None:
        self.key = key
        self.aside: list[Cart] = []
        self.ended: list[Episode] = []
        self._with_ids = with_ids
        self._count = 0
        self.hand = self._new()

    def _new(self) -> Cart:
        self._count += 1
        return Cart(f"{self.key}-c{self._count}" if self._with_ids else "")

    def renew(self) -> None:
        """Take a new, empty cart in hand and forget the lines of the last."""
        self.hand = self._new()

    def switch(self) -> Cart:
        """Leave the open cart where it is, take another one in hand; returns the cart that was left."""
        left = self.hand
        self.aside.append(left)
        self.hand = self._new()
        return left

    def touch(self, at_ms: int, state: int, message_id: str) -> None:
        """The cart in hand was active: it is open, and its timer starts again."""
        cart = self.hand
        if cart.state not in OPEN:
            cart.episode, cart.opened_ms = message_id, at_ms
        cart.state = state
        cart.deadline_ms = at_ms + IDLE_MS

    def end(self, cart: Cart, outcome: Outcome, at_ms: int) -> None:
        """An open cart's episode is over. Where the cart stays in hand, the caller sets its state."""
        if cart is not self.hand:
            self.aside.remove(cart)
        self.ended.append(
            Episode(
                episode=cart.episode, key=self.key, cart_id=cart.id, opened_ms=cart.opened_ms,
                outcome=outcome, at_ms=at_ms,
            )
        )  # fmt: skip

    def settle(self, at_ms: int) -> None:
        """Fire the timers that are due at `at_ms` or before."""
        hand = self.hand
        if hand.state in OPEN and hand.deadline_ms <= at_ms:
            self.end(hand, "abandoned", hand.deadline_ms)
            hand.state = abandoned(hand.state)
        if self.aside:
            for cart in [cart for cart in self.aside if cart.deadline_ms <= at_ms]:
                self.end(cart, "abandoned", cart.deadline_ms)

    def quiet_ms(self) -> int:
        """When the last timer fires if nothing happens; -1 where no cart is open."""
        hand = self.hand
        own = hand.deadline_ms if hand.state in OPEN else -1
        return max((cart.deadline_ms for cart in self.aside), default=-1) if self.aside and own < 0 else own

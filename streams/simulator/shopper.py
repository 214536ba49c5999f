"""What one simulated shopper does, act by act, and what the observer is told of it."""

from bisect import bisect
from random import Random
from typing import Any, Final

from schemas.kinds import Kind
from streams.simulator import process
from streams.simulator.belief import Observer
from streams.simulator.carts import Cart, Carts
from streams.simulator.catalogue import CATEGORIES, CURRENCY, Catalogue, Product
from streams.simulator.happening import Happening, Visitor
from streams.simulator.process import EMPTY, LIST, LOOK, OPEN, PICK, SEARCH, Act
from streams.simulator.sampler import Walk, click_bounds

SESSION_IDLE_MS: Final = 1_800_000
ORDERS_WITHOUT_CART_ID: Final = 0.3
"""Segment's Order Completed has no cart_id, so some shops that have them elsewhere do not send one here."""
_CLICKS: Final = (
    Kind.PRODUCTS_SEARCHED, Kind.PRODUCT_LIST_VIEWED, Kind.PRODUCT_CLICKED, Kind.PRODUCT_VIEWED,
)  # fmt: skip


class Shopper:
    """A shopper in the shop. `observer` is there only where the truth is wanted."""

    __slots__ = (
        "_catalogue", "_category", "_chance", "_click", "_looked", "_orders", "_picked", "_session", "_sessions",
        "at_ms", "carts", "observer", "visitor", "walk",
    )  # fmt: skip

    def __init__(self, visitor: Visitor, walk: Walk, chance: Random, catalogue: Catalogue) -> None:
        self.visitor = visitor
        self.walk = walk
        self.carts = Carts(visitor.key, with_ids=visitor.carts_have_ids)
        self.observer: Observer | None = None
        self.at_ms = -1
        self._catalogue = catalogue
        self._chance = chance
        self._category = 0
        self._click = LIST
        self._looked: list[Product | None] = [None, None]
        self._picked = catalogue.shelves[0][0][0]
        self._orders = 0
        self._sessions = 0
        self._session = ""

    def land(self, at_ms: int, *, watched: bool) -> Happening:
        """The first page. Whoever watches begins here, and knows nothing yet."""
        self.walk.at_ms = at_ms
        self.observer = Observer(at_ms) if watched else None
        self.begin(at_ms)
        return self._list()

    def begin(self, at_ms: int) -> None:
        """Something happens: a new session, where nothing has for long."""
        if at_ms - self.at_ms > SESSION_IDLE_MS:
            self._sessions += 1
            self._session = f"{self.visitor.key}-s{self._sessions}"
        self.at_ms = at_ms

    def act(self, act: int, message_id: str) -> Happening:
        """Do what the process says, now. The observer has waited until now."""
        if act == Act.CLICK:
            return self._browse()
        if act == Act.ADD:
            return self._add(message_id)
        if act == Act.REMOVE:
            return self._remove(message_id)
        if act == Act.BUY:
            return self._buy()
        return self._show(Act(act), message_id)

    def _browse(self) -> Happening:
        last = self._click
        self._click = click = bisect(click_bounds()[last][self.walk.mind], self._chance.random())
        fresh = None
        if click == PICK or (click == LOOK and last != PICK):
            fresh = int(self._chance.random() < process.LOOKS_EXPENSIVE[self.walk.sensitive])
        if self.observer:
            self.observer.clicked(last, click, fresh)
        if click in (SEARCH, LIST):
            self._category = int(self._chance.random() * len(CATEGORIES))
            return self._search() if click == SEARCH else self._list()
        if fresh is not None:
            self._picked = self._looked[fresh] = self._catalogue.pick(self._chance, self._category, fresh)
        return Happening(_CLICKS[click], {**self._picked.offer, "session_id": self._session})

    def _list(self) -> Happening:
        listed = {
            "list_id": f"list-{CATEGORIES[self._category]}", "category": CATEGORIES[self._category],
            "currency": CURRENCY, "products": self._catalogue.lists[self._category], "session_id": self._session,
        }  # fmt: skip
        return Happening(Kind.PRODUCT_LIST_VIEWED, listed)

    def _search(self) -> Happening:
        return Happening(Kind.PRODUCTS_SEARCHED, {"query": CATEGORIES[self._category], "session_id": self._session})

    def _add(self, message_id: str) -> Happening:
        before = self.carts.hand.state
        if before not in OPEN and before != EMPTY:
            self.carts.renew()  # the shop has dropped what was abandoned
        product = self._choose(self.carts.hand)
        if self.observer:
            self.observer.acted(Act.ADD, product.expensive)
        return self._put(product, process.added(before, product.expensive), message_id)

    def _choose(self, *carts: Cart) -> Product:
        """A product that none of the carts holds: what was looked at last in its price class, or else a popular one."""
        expensive = int(self._chance.random() < process.ADDS_EXPENSIVE[self.walk.sensitive])
        product = self._looked[expensive]
        while product is None or any(cart.holds(product) for cart in carts):
            product = self._catalogue.pick(self._chance, self._category, expensive)
        return product

    def _put(self, product: Product, state: int, message_id: str) -> Happening:
        quantity = 1 if self._chance.random() < 0.85 else 2
        self.carts.hand.lines.append((product, quantity))
        self.carts.touch(self.at_ms, state, message_id)
        return Happening(Kind.PRODUCT_ADDED, self._line(product, quantity))

    def _line(self, product: Product, quantity: int) -> dict[str, Any]:
        return {**product.offer, "quantity": quantity, **self._cart_id(), "session_id": self._session}

    def _cart_id(self) -> dict[str, str]:
        return {"cart_id": self.carts.hand.id} if self.visitor.carts_have_ids else {}

    def _remove(self, message_id: str) -> Happening:
        if self.observer:
            self.observer.acted(Act.REMOVE)
        cart = self.carts.hand
        product, quantity = cart.lines.pop(int(self._chance.random() * len(cart.lines)))
        self.carts.touch(self.at_ms, process.removed(cart.state, product.expensive), message_id)
        if not cart.lines:
            self.carts.end(cart, "emptied", self.at_ms)
        return Happening(Kind.PRODUCT_REMOVED, self._line(product, quantity))

    def _show(self, act: Act, message_id: str) -> Happening:
        """The cart or the checkout is looked at, with everything in it. That opens one that was abandoned."""
        if self.observer:
            self.observer.acted(act)
        cart = self.carts.hand
        checkout = act is Act.CHECKOUT
        self.carts.touch(self.at_ms, process.revived(cart.state, checkout=checkout), message_id)
        if not checkout:
            return Happening(Kind.CART_VIEWED, self._content(cart))
        return Happening(Kind.CHECKOUT_STARTED, {"value": cart.value(), **self._content(cart)})

    def _content(self, cart: Cart) -> dict[str, Any]:
        content = {"currency": CURRENCY, "products": cart.products(), "session_id": self._session}
        return {**self._cart_id(), **content}

    def _buy(self) -> Happening:
        """The order. The cart, abandoned or not, is used up, and the mind moves on."""
        if self.observer:
            self.observer.acted(Act.BUY)
        cart = self.carts.hand
        order = self._order()
        if cart.state in OPEN:
            self.carts.end(cart, "bought", self.at_ms)
        self.carts.renew()
        self.walk.mind = self._chance.choices(range(process.MINDS), process.AFTER_PURCHASE)[0]
        return Happening(Kind.ORDER_COMPLETED, order)

    def _order(self) -> dict[str, Any]:
        self._orders += 1
        order_id = f"{self.visitor.key}-o{self._orders}"
        order = {"order_id": order_id, "total": self.carts.hand.value(), **self._content(self.carts.hand)}
        if self._chance.random() < ORDERS_WITHOUT_CART_ID:
            order.pop("cart_id", None)
        return order

    def switch(self, message_id: str) -> Happening:
        """Go on with another device: the first product goes into another cart."""
        product = self._choose(self.carts.hand)
        if self.observer:
            self.observer.switched(self.at_ms, product.expensive)
        self.carts.switch()
        return self._put(product, process.added(EMPTY, product.expensive), message_id)

    def join(self, message_id: str) -> Happening:
        """The other device finds the cart that was left: its lines are added to the one in hand, and it is over."""
        if self.observer:
            self.observer.at_ms = self.at_ms  # this was decided before: the mind had no time to move
        left, cart = self.carts.aside[-1], self.carts.hand
        state = process.added(left.state, cart.lines[0][0].expensive)
        cart.lines = [*left.lines, *cart.lines]
        self.carts.end(left, "merged", self.at_ms)
        self.carts.touch(self.at_ms, state, message_id)
        return Happening(Kind.CART_VIEWED, {**self._content(cart), "previous_cart_id": left.id})

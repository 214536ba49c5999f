"""A simulated bot: looks at very many products, never buys."""

from random import Random
from typing import Final

from schemas.kinds import Kind
from streams.simulator.catalogue import CATEGORIES, Catalogue
from streams.simulator.happening import Happening, Visitor
from streams.simulator.truth import Sink

LOOKS: Final = 400
"""How many products a bot looks at, on average."""
PAUSE_MS: Final = 1_200
"""The mean time between two looks."""


class BotLife:
    """A bot from its first look to its last."""

    __slots__ = ("_at_ms", "_catalogue", "_chance", "_left", "visitor")

    def __init__(self, visitor: Visitor, at_ms: int, chance: Random, catalogue: Catalogue) -> None:
        self.visitor = visitor
        self._at_ms = at_ms
        self._chance = chance
        self._catalogue = catalogue
        self._left = int(chance.expovariate(1 / LOOKS)) + 1

    def advance(self) -> int | None:
        """When it looks again."""
        if self._left == 0:
            return None
        self._left -= 1
        self._at_ms += 1 + int(self._chance.expovariate(1 / PAUSE_MS))
        return self._at_ms

    def act(self, at_ms: int, message_id: str) -> Happening:
        """Look at any product."""
        category = int(self._chance.random() * len(CATEGORIES))
        product = self._catalogue.pick(self._chance, category, int(self._chance.random() * 2))
        return Happening(Kind.PRODUCT_VIEWED, {**product.offer, "session_id": f"{self.visitor.key}-s1"})

    def is_busy(self) -> bool:
        """A bot has no cart."""
        return False

    def tell(self, truth: Sink | None, at_ms: int, message_id: str) -> None:
        """There is nothing to tell."""

    def leave(self, truth: Sink | None) -> None:
        """There is nothing to tell."""

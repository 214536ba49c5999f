"""What the simulated shop sells: categories with affordable and expensive products, a few of which everybody wants."""

from bisect import bisect
from itertools import accumulate
from random import Random
from typing import Any, Final, NamedTuple

CURRENCY: Final = "EUR"
CATEGORIES: Final = (
    "kitchen", "garden", "books", "toys", "audio", "lighting",
    "bicycles", "shoes", "coats", "tools", "bedding", "games",
)  # fmt: skip
SHELF: Final = 40
"""How many products a category has in each price class."""
TYPICAL_CENTS: Final = (2_200, 19_000)
SPLIT_CENTS: Final = 7_000
"""An expensive product costs more than this, an affordable one at most this."""
HIGHEST_CENTS: Final = 250_000


class Product(NamedTuple):
    """One product. `line` is Segment's product object, `offer` the same with a currency."""

    id: str
    expensive: int
    price_cents: int
    line: dict[str, Any]
    offer: dict[str, Any]


class Catalogue:
    """The shop's products. It is the same shop for every seed, so that what was learned on one log holds on another."""

    def __init__(self) -> None:
        chance = Random("the catalogue of the simulated shop")
        self.shelves = [
            [[_product(chance, name, expensive, n) for n in range(SHELF)] for expensive in (0, 1)]
            for name in CATEGORIES
        ]
        self.lists = [[p.line for p in cheap[:3] + dear[:3]] for cheap, dear in self.shelves]
        self._popularity = list(accumulate(1 / (n + 1) for n in range(SHELF)))

    def pick(self, chance: Random, category: int, expensive: int) -> Product:
        """A product of a category and price class: the n-th in popularity with a weight of 1 / n (Zipf)."""
        place = bisect(self._popularity, chance.random() * self._popularity[-1])
        return self.shelves[category][expensive][min(place, SHELF - 1)]


def _product(chance: Random, category: str, expensive: int, place: int) -> Product:
    cents = int(chance.lognormvariate(0, 0.6) * TYPICAL_CENTS[expensive]) // 100 * 100 + 99
    lowest, highest = (SPLIT_CENTS + 99, HIGHEST_CENTS - 1) if expensive else (99, SPLIT_CENTS - 1)
    cents = min(max(cents, lowest), highest)
    id_ = f"{category[:3]}-{'dp'[expensive]}{place:02d}"
    name = f"{category.capitalize()} {'basic' if not expensive else 'prime'} {place + 1}"
    line = {"product_id": id_, "category": category, "name": name, "price": cents / 100}
    return Product(id_, expensive, cents, line, {**line, "currency": CURRENCY})

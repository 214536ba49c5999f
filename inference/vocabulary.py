"""Examples as small numbers, which a generator can draw one after the other, and those numbers as examples again.

Every number (a price, a gap, a count) becomes one of some stretches with about as many examples each, so that spikes
and long tails are kept; back it becomes one of the values that the log has there. Events come newest first, for that is
what labels say most about. An item is either "that of so many events later", or a row of the log with this kind,
category and stretch of prices.
"""

from typing import Any, Final, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from inference.added import NOBODY
from inference.dataset import DTYPE_OF_EXAMPLE, Example, Examples
from schemas.history import DTYPE, at_ms

Classes = npt.NDArray[np.int64]

FIELDS: Final = ("kind", "item", "category", "price", "gap")
"""What an event is, in the order in which it is drawn."""
LATER: Final = 15
"""Among how many later events an item is recognised. Class 0 of the field `item` is none of those."""

_STRETCHES: Final = 32
_VALUES: Final = 64
"""How many values are kept of each stretch."""
_CATEGORIES: Final = 62
_NONE, _OTHER = 0, 1
_ROWS: Final = 65_536


class Stretches(NamedTuple):
    """Numbers cut into stretches. `edges`: where the next one begins. `values`: some of each, shape (stretches, 64)."""

    edges: npt.NDArray[np.float64]
    values: npt.NDArray[np.float64]

    @classmethod
    def of(cls, numbers: npt.NDArray[Any]) -> Self:
        """Stretches of about as many numbers each; a number that fills more than one has one of its own."""
        shares = np.linspace(0, 1, _STRETCHES + 1)[1:-1]
        cuts, times = np.unique(np.quantile(numbers, shares, method="inverted_cdf"), return_counts=True)
        cuts = cuts.astype(np.float64)
        edges = np.unique(np.concatenate([cuts, np.nextafter(cuts[times > 1], np.inf)]))
        own = np.searchsorted(edges, numbers, side="right")
        filled, parts = np.unique(own), np.linspace(0, 1, _VALUES)
        values = [np.quantile(numbers[own == nth], parts, method="inverted_cdf") for nth in filled]
        return cls(edges[filled[1:] - 1], np.array(values, dtype=np.float64))

    def classes(self, numbers: npt.NDArray[Any]) -> Classes:
        """Which stretch each number is in."""
        classes: Classes = np.searchsorted(self.edges, numbers, side="right")
        return classes

    def drawn(self, classes: Classes, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        """A number of each stretch."""
        numbers: npt.NDArray[np.float64] = self.values[classes, rng.integers(_VALUES, size=classes.shape)]
        return numbers


class Vocabulary(NamedTuple):
    """What the examples of a log are made of.

    `kinds` and `categories`: those that occur, the latter at most 62. `gaps_ms`: until the next event, or the request.
    `rows`: events whose item does not come again, or that have none, as often as they occur.
    """

    kinds: npt.NDArray[np.uint8]
    categories: npt.NDArray[np.uint32]
    prices: Stretches
    gaps_ms: Stretches
    numbers: tuple[Stretches, ...]
    rows: npt.NDArray[np.void]

    @classmethod
    def of(cls, examples: Examples) -> Self:
        """The vocabulary of some examples. Raises `ValueError` where none of them has an event."""
        history = examples["history"][:, ::-1]
        seen = history["kind"] > 0
        if not seen.any():
            msg = f"expected examples with events, got none among {len(examples)}; give a longer log"
            raise ValueError(msg)
        some = history[seen]
        categories, times = np.unique(some["category"][some["category"] > 0], return_counts=True)
        rows = history[seen & (_later(history) == 0)]
        return cls(
            kinds=np.unique(np.append(some["kind"], np.uint8(0))),
            categories=np.sort(categories[np.argsort(-times, kind="stable")[:_CATEGORIES]]),
            prices=Stretches.of(some["price"]),
            gaps_ms=Stretches.of(_gaps_ms(examples)[seen]),
            numbers=tuple(map(Stretches.of, examples["context"].T)),
            rows=rows[:: 1 + len(rows) // _ROWS],
        )

    def sizes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """How many classes each field of an event has, and each of the numbers."""
        prices, gaps = len(self.prices.values), len(self.gaps_ms.values)
        events = (len(self.kinds), LATER + 1, _OTHER + 1 + len(self.categories), prices, gaps)
        return events, tuple(len(stretches.values) for stretches in self.numbers)

    def events_of(self, examples: Examples) -> Classes:
        """The events as classes, shape (N, 32, 5), the newest first; an empty place is of kind 0."""
        history = examples["history"][:, ::-1]
        fields = [
            np.searchsorted(self.kinds, history["kind"]),
            _later(history),
            self._categories(history["category"]),
            self.prices.classes(history["price"]),
            self.gaps_ms.classes(_gaps_ms(examples)),
        ]
        return np.stack(fields, axis=-1)

    def numbers_of(self, examples: Examples) -> Classes:
        """The numbers of the context as classes, shape (N, 19)."""
        return np.stack([s.classes(n) for s, n in zip(self.numbers, examples["context"].T, strict=True)], axis=1)

    def examples(self, events: Classes, numbers: Classes, of: Examples, rng: np.random.Generator) -> Examples:
        """Examples made of classes, with the labels and the times of `of`, and of nobody."""
        made = np.zeros(len(of), dtype=DTYPE_OF_EXAMPLE)
        for name in (*Example._fields[1:], "asked_ms"):
            made[name] = of[name]
        made["truth"], made["shopper"] = np.nan, NOBODY
        made["context"] = np.stack([s.drawn(n, rng) for s, n in zip(self.numbers, numbers.T, strict=True)], axis=1)
        rows = self._rows(events, rng)
        before_ms = np.cumsum(self.gaps_ms.drawn(events[..., 4], rng), axis=1).astype(np.int64)
        times = np.where(rows["kind"] > 0, (of["asked_ms"][:, None] - before_ms).clip(min=0), 0)
        rows["at_low"], rows["at_high"] = times & 0xFFFFFFFF, times >> 32
        made["history"] = rows[:, ::-1]
        return made

    def _categories(self, hashes: npt.NDArray[np.uint32]) -> Classes:
        place = np.searchsorted(self.categories, hashes).clip(max=max(len(self.categories) - 1, 0))
        known = self.categories[place] == hashes if len(self.categories) else np.zeros(hashes.shape, dtype=bool)
        return np.where(hashes == 0, _NONE, np.where(known, _OTHER + 1 + place, _OTHER))

    def _rows(self, events: Classes, rng: np.random.Generator) -> npt.NDArray[np.void]:
        """Kinds, items, categories and prices, the newest first; the times are nonsense."""
        rows, drawer, everyone = np.zeros(events.shape[:2], dtype=DTYPE), _Drawer(self), np.arange(len(events))
        for step in range(events.shape[1]):
            kind, later, _, price, _ = events[:, step].T
            now = drawer.rows(events[:, step], rng)
            other = rows[everyone, np.maximum(step - later, 0)]
            again = (later > 0) & (later <= step) & (other["item"] > 0)
            kept = self.prices.classes(other["price"]) == price
            now["item"], now["category"] = (np.where(again, other[name], now[name]) for name in ("item", "category"))
            prices = np.where(kept, other["price"], self.prices.drawn(price, rng))
            now["price"] = np.where(again, prices, now["price"])
            now["kind"] = self.kinds[kind]
            now[kind == 0] = 0
            rows[:, step] = now
        return rows


class _Drawer:
    """Draws rows of a vocabulary: of one kind, category and stretch of prices, or else as near as there are."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        rows = vocabulary.rows
        kinds = np.searchsorted(vocabulary.kinds, rows["kind"])
        exact = np.stack([kinds, vocabulary._categories(rows["category"]), vocabulary.prices.classes(rows["price"])])
        self.rows_known = rows
        self.tables = [(factors, *_sorted(exact, factors)) for factors in _NEARNESS]

    def rows(self, events: Classes, rng: np.random.Generator) -> npt.NDArray[np.void]:
        """A row for each event, shape (N,)."""
        asked, chosen = events[:, [0, 2, 3]].T, rng.integers(len(self.rows_known), size=len(events))
        chance = rng.random(len(events))
        for factors, order, codes in self.tables:  # from the farthest to the nearest: the last that is there counts
            code = _code(asked, factors)
            first, end = np.searchsorted(codes, code), np.searchsorted(codes, code, side="right")
            place = first + (chance * (end - first)).astype(np.int64)
            chosen = np.where(end > first, order[place.clip(max=len(order) - 1)], chosen)
        drawn: npt.NDArray[np.void] = self.rows_known[chosen]
        return drawn


_NEARNESS: Final = ((1, 0, 0), (1, 1, 0), (1, 1, 1))
"""What of kind, category and price must be the same."""


def _code(fields: npt.NDArray[Any], factors: tuple[int, ...]) -> Classes:
    code = np.zeros(fields.shape[1], dtype=np.int64)
    for field, factor in zip(fields, factors, strict=True):
        code = code * 4_096 + field * factor
    return code


def _sorted(fields: npt.NDArray[Any], factors: tuple[int, ...]) -> tuple[Classes, Classes]:
    code = _code(fields, factors)
    order = np.argsort(code, kind="stable")
    return order, code[order]


def _later(history: npt.NDArray[np.void]) -> Classes:
    """How many events later the same item is there again, at most `LATER`; else 0. The newest event comes first."""
    item = history["item"]
    later = np.zeros(item.shape, dtype=np.int64)
    for step in range(LATER, 0, -1):
        again = (item[:, step:] == item[:, :-step]) & (item[:, step:] > 0)
        later[:, step:][again] = step
    return later


def _gaps_ms(examples: Examples) -> npt.NDArray[np.int64]:
    """Time from each event to the next, or to the request, the newest first; 0 for empty places."""
    times = at_ms(examples["history"])[:, ::-1]
    later = np.column_stack([examples["asked_ms"], times[:, :-1]])
    gaps: npt.NDArray[np.int64] = np.where(times > 0, later - times, 0)
    return gaps

"""How the law of the shop becomes chance: what a shopper does next, and when."""

from bisect import bisect
from functools import cache
from itertools import accumulate
from random import Random
from typing import Final, NamedTuple

from streams.simulator import process
from streams.simulator.process import MINDS, OPEN, STATES, Act

_MOVES: Final = len(Act)
"""Exits from here on are moves of the mind: `_MOVES + mind`."""


class Exits(NamedTuple):
    """All that can end a stay. `total` is per millisecond; `codes` are acts and moves, `bounds` their running sums.

    The last bound is left out, so that rounding cannot draw beyond the end.
    """

    total: float
    bounds: list[float]
    codes: list[int]


@cache
def exits() -> list[list[list[Exits]]]:
    """By sensitivity, cart state and mind."""
    rates, moves = process.act_rates(), process.moves()
    return [
        [
            [_exits([*rates[state, sensitive, :, mind], *moves[mind]]) for mind in range(MINDS)]
            for state in range(len(STATES))
        ]
        for sensitive in (0, 1)
    ]


def _exits(rates: list[float]) -> Exits:
    taken = {code: float(rate) for code, rate in enumerate(rates) if rate > 0}
    bounds = list(accumulate(taken.values()))
    return Exits(bounds[-1], bounds[:-1], list(taken))


@cache
def click_bounds() -> list[list[list[float]]]:
    """Running sums of the chance of the next click, by last click and mind, the last left out."""
    return [[list(accumulate(map(float, row[:-1]))) for row in minds] for minds in process.next_click()]


class Walk:
    """The hidden part of a shopper: the mind on its way."""

    __slots__ = ("_chance", "_exits", "at_ms", "mind", "sensitive")

    def __init__(self, chance: Random, sensitive: int, mind: int, at_ms: float) -> None:
        self._chance = chance
        self._exits = exits()[sensitive]
        self.sensitive = sensitive
        self.mind = mind
        self.at_ms = at_ms

    def next_act(self, state: int, deadline_ms: int) -> int:
        """What the shopper does next; `at_ms` is then when. At its deadline an open cart becomes a stale one."""
        uniform, wait = self._chance.random, self._chance.expovariate
        at_ms, mind, is_open = self.at_ms, self.mind, state in OPEN
        while True:
            stay = self._exits[state][mind]
            at_ms += wait(stay.total)
            if is_open and at_ms >= deadline_ms:
                at_ms, state, is_open = deadline_ms, process.abandoned(state), False
                continue
            code = stay.codes[bisect(stay.bounds, uniform() * stay.total)]
            if code < _MOVES:
                self.at_ms, self.mind = at_ms, mind
                return code
            mind = code - _MOVES

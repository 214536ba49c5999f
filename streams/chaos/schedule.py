"""What strikes when: drawn from a seed, every nemesis in every round, some of them two at a time."""

import random
from collections.abc import Iterator
from typing import Final, NamedTuple

from streams.chaos.nemeses import NEMESES, OF_BROKERS

QUIET_S: Final = (2.0, 5.0)
APART_S: Final = (0.0, 5.0)
TOGETHER: Final = 0.3


class Strike(NamedTuple):
    """After `quiet_s` without a fault the first begins, and `apart_s` later the second, where there is one.

    `ends_round`: every nemesis has had its turn.
    """

    quiet_s: float
    apart_s: float
    nemeses: tuple[str, ...]
    ends_round: bool


def strikes(dice: random.Random) -> Iterator[Strike]:
    """For ever, a round after the other; the same dice, the same strikes.

    >>> first = next(strikes(random.Random(1)))
    >>> first == next(strikes(random.Random(1)))
    True
    """
    while True:
        left = dice.sample(list(NEMESES), len(NEMESES))
        while left:
            chosen = [left.pop()]
            if left and dice.random() < TOGETHER and not OF_BROKERS.issuperset({chosen[0], left[-1]}):
                chosen.append(left.pop())
            yield Strike(dice.uniform(*QUIET_S), dice.uniform(*APART_S), tuple(chosen), ends_round=not left)

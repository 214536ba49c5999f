"""The law of the simulated shop: who is how minded, and what they then do how often.

A shopper is a continuous-time Markov process. Hidden are the shopper's price sensitivity (for life) and mind, which
moves on its own. Seen are the acts: each has a rate that depends on the mind, the sensitivity and the state of the cart
in hand. So gaps, kinds, prices and what is in the cart all tell of what is hidden, and what will be can be computed.

The moves between minds form a tree. So the process is reversible, and every generator here has real eigenvalues.
"""

from enum import IntEnum
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

IDLE_MS: Final = 1_800_000
"""A cart without activity for so long is abandoned."""


class Mind(IntEnum):
    """What the shopper is about. The last two do nothing: one is back within the hour, the other another day."""

    DETERMINED = 0
    UNDECIDED = 1
    BROWSING = 2
    PAUSED = 3
    GONE = 4


class Act(IntEnum):
    """What a shopper does."""

    CLICK = 0
    ADD = 1
    REMOVE = 2
    VIEW = 3
    CHECKOUT = 4
    BUY = 5


class CartState(NamedTuple):
    """What matters about a cart. A stale one was abandoned: the shop still has its lines, but it is not open."""

    lines: int
    expensive: int
    checkout: bool = False
    stale: bool = False


MINDS: Final = len(Mind)
MAX_LINES: Final = 5
_FILLED: Final = [(n, k) for n in range(1, MAX_LINES + 1) for k in range(n + 1)]
STATES: Final = (
    CartState(0, 0),
    *(CartState(n, k, checkout) for checkout in (False, True) for n, k in _FILLED),
    *(CartState(n, k, stale=True) for n, k in _FILLED),
)
INDEX: Final = {state: n for n, state in enumerate(STATES)}
EMPTY: Final = 0
OPEN: Final = range(1, 2 * len(_FILLED) + 1)
"""The states of an open cart."""

_MINUTE_MS = 60_000
_MOVES: Final = {
    (Mind.UNDECIDED, Mind.DETERMINED): 0.06,
    (Mind.DETERMINED, Mind.UNDECIDED): 0.04,
    (Mind.UNDECIDED, Mind.BROWSING): 0.22,
    (Mind.BROWSING, Mind.UNDECIDED): 0.06,
    (Mind.UNDECIDED, Mind.PAUSED): 0.10,
    (Mind.PAUSED, Mind.UNDECIDED): 0.055,
    (Mind.BROWSING, Mind.GONE): 0.25,
    (Mind.GONE, Mind.BROWSING): 1 / 1_080,
}
"""Moves per minute."""
START: Final = (0.12, 0.40, 0.48, 0.0, 0.0)
"""The mind of one who arrives."""
AFTER_PURCHASE: Final = (0.0, 0.15, 0.0, 0.0, 0.85)
"""The mind of one who has bought."""
SENSITIVE_SHARE: Final = 0.5

_CLICK = (0.9, 2.2, 4.0, 0.0, 0.0)
_OPEN_CART = (0.45, 0.16, 0.10, 0.0, 0.0)
_ADD = (0.14, 0.10, 0.02, 0.0, 0.0)
_REMOVE = (0.006, 0.025, 0.012, 0.0, 0.0)
_VIEW = (0.24, 0.20, 0.06, 0.0, 0.0)
_CHECKOUT = (0.60, 0.02, 0.002, 0.0, 0.0)
_BUY_AT_ONCE = (0.10, 0.002, 0.0, 0.0, 0.0)
_BUY_IN_CHECKOUT = (1.00, 0.06, 0.005, 0.0, 0.0)
DISLIKE: Final = (0.10, 0.85)
"""By how much a cart full of expensive products lowers the will to buy: relaxed and sensitive shoppers."""
LOOKS_EXPENSIVE: Final = (0.55, 0.40)
"""The share of expensive products among those looked at: relaxed and sensitive shoppers."""
ADDS_EXPENSIVE: Final = (0.50, 0.35)

SWITCHES: Final = 0.15
"""The chance that one who views an open cart goes on with another device, and so with another cart."""
MERGES: Final = 0.6
"""The chance that the two carts are then made one."""

SEARCH, LIST, PICK, LOOK = range(4)
"""The clicks: searched, list viewed, product clicked, product viewed."""
_FUNNEL = np.array(
    [[0.15, 0.20, 0.50, 0.15], [0.10, 0.25, 0.55, 0.10], [0.05, 0.10, 0.05, 0.80], [0.15, 0.40, 0.15, 0.30]]
)
_TASTE = np.array([[2.0, 0.4, 1.0, 1.6], [1.0, 1.0, 1.0, 1.0], [0.4, 2.0, 0.9, 0.7], [1, 1, 1, 1], [1, 1, 1, 1]])


def moves() -> Floats:
    """The generator of the mind, shape (minds, minds), per millisecond; rows add up to 0."""
    generator = np.zeros((MINDS, MINDS))
    for edge, rate in _MOVES.items():
        generator[edge] = rate
    np.fill_diagonal(generator, -generator.sum(axis=1))
    return generator / _MINUTE_MS


def next_click() -> Floats:
    """The chance of the next click, shape (last click, minds, click)."""
    weights = _FUNNEL[:, None, :] * _TASTE[None, :, :]
    chances: Floats = weights / weights.sum(axis=2, keepdims=True)
    return chances


def act_rates() -> Floats:
    """The rate of each act, shape (cart states, sensitivity, acts, minds), per millisecond."""
    rates = np.array([[_rates(state, dislike) for dislike in DISLIKE] for state in STATES])
    return rates / _MINUTE_MS


def _rates(state: CartState, dislike: float) -> Floats:
    """Shape (acts, minds), per minute."""
    rates = np.zeros((len(Act), MINDS))
    rates[Act.CLICK] = _CLICK
    rates[Act.ADD] = _OPEN_CART if state.lines == 0 else _ADD
    if state.lines == 0:
        return rates
    share = state.expensive / state.lines
    rates[Act.VIEW] = _VIEW
    rates[Act.CHECKOUT] = 0 if state.checkout else np.array(_CHECKOUT) * (1 - dislike * share)
    rates[Act.BUY] = np.array(_BUY_IN_CHECKOUT if state.checkout else _BUY_AT_ONCE) * (1 - dislike * share)
    rates[Act.REMOVE] = 0 if state.stale else np.array(_REMOVE) * (1 + 2 * dislike * share)
    rates[Act.ADD] *= state.lines < MAX_LINES or state.stale
    return rates


def added(state: int, expensive: int) -> int:
    """The state after one more product. A stale cart is not added to: a new one begins."""
    now = STATES[state]
    if now.stale:
        return INDEX[CartState(1, expensive)]
    return INDEX[CartState(now.lines + 1, now.expensive + expensive)]


def removed(state: int, expensive: int) -> int:
    """The state after one product less."""
    now = STATES[state]
    return INDEX[CartState(now.lines - 1, now.expensive - expensive)]


def revived(state: int, *, checkout: bool = False) -> int:
    """The state after the cart was viewed, or its checkout begun: open in any case."""
    now = STATES[state]
    return INDEX[CartState(now.lines, now.expensive, checkout or now.checkout)]


def abandoned(state: int) -> int:
    """The state of an open cart once its timer has fired."""
    now = STATES[state]
    return INDEX[CartState(now.lines, now.expensive, stale=True)]

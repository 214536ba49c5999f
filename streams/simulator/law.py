"""What follows from the law of the shop: how beliefs flow, and how likely a cart is abandoned from where it is.

H = hidden states = 2 sensitivities x 5 minds, sensitivity first. A belief is a probability for each, shape (H,).

Between two events the belief follows the generator without what was not seen; at an event it is multiplied by the rate
of what was seen (forward filtering). The chance that a cart is abandoned, given a hidden state and the time left until
its deadline, solves linear equations over all states of the cart. Both need `exp(matrix * time)`, which is exact from
the eigenvectors of each matrix. Event times are whole milliseconds: what that hides is below 1e-5.
"""

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import numpy as np

from streams.simulator import process
from streams.simulator.process import IDLE_MS, MINDS, OPEN, STATES, Act, Floats

HIDDEN = 2 * MINDS
CLASSES = (0, 1)
"""Affordable and expensive, as a cart's state counts them."""


class Flow(NamedTuple):
    """`exp(matrix * t)` as `right @ diag(exp(decay * t)) @ left`, block diagonal over sensitivity."""

    decay: Floats
    right: Floats
    left: Floats

    def after(self, span_ms: float) -> Floats:
        """The matrix `exp(matrix * span_ms)`, shape (H, H)."""
        product: Floats = (self.right * np.exp(self.decay * span_ms)) @ self.left
        return product


class Outlook(NamedTuple):
    """The chance that a cart is abandoned.

    With `left_ms` until its deadline: `certain + fading @ exp(decay * left_ms)`.

    `certain` has shape (H,), `fading` (H, H), `decay` (H,). `full` is the chance with all of the time left, shape (H,).
    """

    certain: Floats
    fading: Floats
    decay: Floats
    full: Floats


class Law(NamedTuple):
    """All that the observer knows beforehand. Lists are by cart state; `outlook` first by whether carts have ids."""

    start: Floats
    silence: list[Flow]
    rates: list[Floats]  # each (acts, H)
    click: Floats  # (last click, click, H)
    looks: Floats  # (price class, H)
    adds: Floats  # (price class, H)
    after_purchase: Floats  # (minds,)
    outlook: list[list[Outlook | None]]


@cache
def law() -> Law:
    """The law, computed once: a fraction of a second."""
    rates = [by_sensitivity.transpose(1, 0, 2).reshape(len(Act), HIDDEN) for by_sensitivity in process.act_rates()]
    sensitive = process.SENSITIVE_SHARE
    click = np.tile(process.next_click().transpose(0, 2, 1), 2)
    return Law(
        start=np.outer([1 - sensitive, sensitive], process.START).ravel(),
        silence=[_flow(rate.sum(axis=0)) for rate in rates],
        rates=rates,
        click=click,
        looks=_classes(process.LOOKS_EXPENSIVE),
        adds=_classes(process.ADDS_EXPENSIVE),
        after_purchase=np.array(process.AFTER_PURCHASE),
        outlook=[_outlooks(rates, with_ids) for with_ids in (False, True)],
    )


def _classes(expensive: tuple[float, float]) -> Floats:
    share = np.repeat(expensive, MINDS)
    both: Floats = np.array([1 - share, share])
    return both


def _flow(leaving: Floats) -> Flow:
    """The flow of minds of which each is left at a rate more than the generator's, shape (H,)."""
    moves = process.moves()
    weight = np.sqrt(_stationary(moves))
    flow = Flow(np.zeros(HIDDEN), np.zeros((HIDDEN, HIDDEN)), np.zeros((HIDDEN, HIDDEN)))
    for block in (slice(0, MINDS), slice(MINDS, HIDDEN)):
        symmetric = (weight[:, None] * moves / weight) - np.diag(leaving[block])
        flow.decay[block], vectors = np.linalg.eigh((symmetric + symmetric.T) / 2)
        flow.right[block, block] = vectors / weight[:, None]
        flow.left[block, block] = vectors.T * weight
    return flow


def _stationary(moves: Floats) -> Floats:
    """The shares in which the minds would settle: what flows in flows out, and together they are 1."""
    balance = np.vstack([moves.T / np.abs(moves).max(), np.ones(MINDS)])
    shares: Floats = np.linalg.lstsq(balance, np.eye(MINDS + 1)[-1], rcond=None)[0]
    return shares


def switch_chance(state: int, *, with_ids: bool) -> float:
    """The chance that one who views this open cart goes on with another device."""
    return process.SWITCHES if with_ids and STATES[state].lines < process.MAX_LINES else 0.0


class _Cart(NamedTuple):
    """What the acts on an open cart in one state lead to: `flow` until the next, its expected time `settle`.

    `followers` are the states of the same cart with their rates, shape (H,). `lost` is the rate of acts after which
    the cart is sure to be abandoned, because another one is in hand. Purchase, emptying and merge lead to neither.
    """

    flow: Flow
    settle: Floats
    followers: list[tuple[int, Floats]]
    lost: Floats


def _outlooks(rates: list[Floats], with_ids: bool) -> list[Outlook | None]:
    """For each cart state: V(left) = E(left) 1 + (I - E(left)) M r, where r is what the next act makes of it.

    E is the flow that only acts on the cart end, M the expected time in each hidden state until then. r holds V(full)
    of the states that the acts lead to.
    """
    carts = {state: _cart(rates[state], state, with_ids) for state in OPEN}
    full = _full(carts)
    outlooks: list[Outlook | None] = [None] * len(STATES)
    for state, cart in carts.items():
        certain = cart.settle @ (cart.lost + sum(rate * full[_place(after)] for after, rate in cart.followers))
        fading = cart.flow.right * (cart.flow.left @ (1 - certain))
        outlooks[state] = Outlook(certain, fading, cart.flow.decay, full[_place(state)])
    return outlooks


def _full(carts: dict[int, _Cart]) -> Floats:
    """V(full) of all states, one after the other: together they solve one linear system."""
    size = len(OPEN) * HIDDEN
    system, constant = np.eye(size), np.zeros(size)
    for state, cart in carts.items():
        here, stay = _place(state), cart.flow.after(IDLE_MS)
        gain = (np.eye(HIDDEN) - stay) @ cart.settle
        for after, rate in cart.followers:
            system[here, _place(after)] -= gain * rate
        constant[here] = stay.sum(axis=1) + gain @ cart.lost
    solution: Floats = np.linalg.solve(system, constant)
    return solution


def _place(state: int) -> slice:
    return slice((state - OPEN[0]) * HIDDEN, (state - OPEN[0] + 1) * HIDDEN)


def _cart(rates: Floats, state: int, with_ids: bool) -> _Cart:
    flow = _flow(rates[Act.ADD :].sum(axis=0))
    switches = switch_chance(state, with_ids=with_ids)
    followers = [(state, rates[Act.VIEW] * (1 - switches)), *_changes(rates, STATES[state], state)]
    lost: Floats = rates[Act.VIEW] * (switches * (1 - process.MERGES))
    return _Cart(flow, (flow.right / -flow.decay) @ flow.left, followers, lost)


def _changes(rates: Floats, now: process.CartState, state: int) -> Iterator[tuple[int, Floats]]:
    for expensive in CLASSES:
        if now.lines < process.MAX_LINES:
            adds = _classes(process.ADDS_EXPENSIVE)[expensive]
            yield process.added(state, expensive), rates[Act.ADD] * adds
        of_class = now.expensive if expensive else now.lines - now.expensive
        if now.lines > 1 and of_class:
            yield process.removed(state, expensive), rates[Act.REMOVE] * (of_class / now.lines)
    if not now.checkout:
        yield process.revived(state, checkout=True), rates[Act.CHECKOUT]

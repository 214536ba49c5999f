"""The optimal observer: what one who knows the law of the shop, but not the shopper, can know."""

import numpy as np

from streams.simulator import process
from streams.simulator.law import law
from streams.simulator.process import EMPTY, IDLE_MS, MINDS, OPEN, STATES, Act, Floats


class Observer:
    """Follows one shopper from the first event on. Knows the law and what is seen, nothing that is hidden."""

    __slots__ = ("_law", "at_ms", "belief", "deadline_ms", "state")

    def __init__(self, at_ms: int) -> None:
        self._law = law()
        self.belief = self._law.start
        self.at_ms = at_ms
        self.state = EMPTY
        self.deadline_ms = -1

    def wait(self, at_ms: int) -> None:
        """Nothing was seen until `at_ms`. A deadline on the way changes what could have been seen after it."""
        if self.state in OPEN and at_ms >= self.deadline_ms:
            self._drift(self.deadline_ms)
            self.state = process.abandoned(self.state)
        self._drift(at_ms)

    def _drift(self, at_ms: int) -> None:
        flow = self._law.silence[self.state]
        self.belief = ((self.belief @ flow.right) * np.exp(flow.decay * (at_ms - self.at_ms))) @ flow.left
        self.at_ms = at_ms

    def clicked(self, last: int, click: int, expensive: int | None) -> None:
        """The shopper clicked; `expensive` is the price class of a product that was chosen anew, else None."""
        seen = self._law.rates[self.state][Act.CLICK] * self._law.click[last, click]
        self._see(seen if expensive is None else seen * self._law.looks[expensive])

    def acted(self, act: Act, expensive: int | None = None) -> None:
        """The shopper did something with the cart; `expensive` is the price class of a product that was added."""
        seen = self._law.rates[self.state][act]
        self._see(seen if expensive is None else seen * self._law.adds[expensive])
        if act is Act.BUY:
            sensitivity = self.belief.reshape(2, MINDS).sum(axis=1)
            self.belief = np.outer(sensitivity, self._law.after_purchase).ravel()

    def switched(self, at_ms: int, expensive: int) -> None:
        """The shopper went on with another device, as was decided at the last event: the mind had no time to move."""
        self.at_ms = at_ms
        self._see(self._law.adds[expensive])

    def _see(self, seen: Floats) -> None:
        likely = self.belief * seen
        self.belief = likely / likely.sum()

    def abandon_chance(self, state: int, left_ms: int, *, with_ids: bool) -> float:
        """The probability that the cart in hand, in this state, runs into its deadline `left_ms` from now."""
        outlook = self._law.outlook[with_ids][state]
        if outlook is None:
            msg = f"expected the state of an open cart, got {STATES[state]}; ask only while a cart is open"
            raise ValueError(msg)
        if left_ms == IDLE_MS:
            return float(self.belief @ outlook.full)
        return float(self.belief @ outlook.certain + (self.belief @ outlook.fading) @ np.exp(outlook.decay * left_ms))

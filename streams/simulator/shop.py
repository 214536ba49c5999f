"""One run of the simulated shop: everybody's life in the order of time, in the memory of those who are there."""

from collections.abc import Iterator
from heapq import heappop, heappush, heapreplace
from random import Random

from streams.feed import Arrival
from streams.simulator.crowd import Crowd
from streams.simulator.happening import Life
from streams.simulator.noise import Noise
from streams.simulator.rates import Rates
from streams.simulator.truth import Sink


class Shop:
    """A shop that can be open once. `noise.sent` counts what was sent; `truth` is called with all that is true."""

    def __init__(self, seed: int, rates: Rates, truth: Sink | None = None) -> None:
        self._truth = truth
        self._crowd = Crowd(Random(f"{seed} shoppers"), rates, watched=truth is not None)
        self.noise = Noise(Random(f"{seed} noise"), rates)  # its own, so that noise does not change what happens
        self._seed = seed
        self._present: list[tuple[int, int, Life]] = []
        self._flying: list[tuple[int, int, Arrival]] = []
        self._events = 0
        self._ties = 0  # no two of anything compare equal, so that lives and arrivals never do

    def open(self, shoppers: int, start_ms: int, end_ms: int) -> Iterator[Arrival]:
        """Arrivals in their order. From `end_ms` on nobody comes, but carts open then are seen to their end."""
        entries = self._crowd.entries(shoppers, start_ms, end_ms)
        entry = next(entries, None)
        present = self._present
        while present or entry:
            while entry and (not present or entry[0] <= present[0][0]):
                self._admit(entry[1])
                entry = next(entries, None)
            yield from self._landed(present[0][0])
            self._live(end_ms)
        yield from self._landed(None)

    def _admit(self, life: Life) -> None:
        at_ms = life.advance()
        if at_ms is not None:
            self._ties += 1
            heappush(self._present, (at_ms, self._ties, life))

    def _live(self, end_ms: int) -> None:
        """The next event of all."""
        at_ms, number, life = self._present[0]
        self._events += 1
        message_id = f"{self._seed:x}-{self._events:x}"
        happening = life.act(at_ms, message_id)
        for arrival in self.noise.arrivals(life.visitor, happening, at_ms, message_id):
            self._ties += 1
            heappush(self._flying, (arrival.at_ms, self._ties, arrival))
        life.tell(self._truth, at_ms, message_id)
        next_ms = life.advance()
        if next_ms is not None and (next_ms < end_ms or life.is_busy()):
            heapreplace(self._present, (next_ms, number, life))
        else:
            heappop(self._present)
            life.leave(self._truth)

    def _landed(self, at_ms: int | None) -> Iterator[Arrival]:
        """What has arrived before the next event, at `at_ms`, can have: nothing arrives before it happens."""
        flying = self._flying
        while flying and (at_ms is None or flying[0][0] <= at_ms):
            yield heappop(flying)[2]

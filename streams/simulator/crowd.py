"""Who comes to the simulated shop, and when."""

from collections.abc import Iterator
from random import Random
from typing import Final

from streams.simulator import process
from streams.simulator.bot import BotLife
from streams.simulator.catalogue import Catalogue
from streams.simulator.happening import Life, Visitor
from streams.simulator.life import CONSENT, LAND, Due, ShopperLife
from streams.simulator.rates import Rates
from streams.simulator.sampler import Walk
from streams.simulator.shopper import Shopper

SKEW_MS: Final = 2 * 3_600_000
"""How wrong a wrong clock is at most."""
REVOKED_AFTER_MS: Final = 6 * 3_600_000
"""The mean time after which consent is taken back by those who do."""
DENIED: Final = {"marketing": False, "personalization": False}
GRANTED: Final = {"marketing": True, "personalization": True}


class Crowd:
    """Makes visitors, one at a time, so that nobody is remembered who is not there."""

    def __init__(self, chance: Random, rates: Rates, *, watched: bool) -> None:
        self._chance = chance
        self._rates = rates
        self._catalogue = Catalogue()
        self._watched = watched

    def entries(self, shoppers: int, start_ms: int, end_ms: int) -> Iterator[tuple[int, Life]]:
        """All visitors with the time of their first event: uniform over the time, in order."""
        at = float(start_ms)
        for left in range(shoppers, 0, -1):
            at += (end_ms - at) * (1 - self._chance.random() ** (1 / left))
            yield int(at), self._life(shoppers - left + 1, int(at))

    def _life(self, number: int, at_ms: int) -> Life:
        chance, rates = self._chance, self._rates
        visitor = self._visitor(number)
        if chance.random() < rates.bots:
            return BotLife(visitor, at_ms, chance, self._catalogue)
        mind = chance.choices(range(process.MINDS), process.START)[0]
        walk = Walk(chance, int(chance.random() < process.SENSITIVE_SHARE), mind, at_ms)
        script, later = self._consents(at_ms)
        script.append(Due(at_ms + chance.randint(300, 3_000), LAND))
        shopper = Shopper(visitor, walk, chance, self._catalogue)
        return ShopperLife(shopper, chance, script, later, watched=self._watched)

    def _visitor(self, number: int) -> Visitor:
        chance, rates = self._chance, self._rates
        anonymous = chance.random() < rates.anonymous
        key = f"{'a' if anonymous else 'u'}-{number:07d}"
        clock_ms = int(chance.uniform(-SKEW_MS, SKEW_MS)) if chance.random() < rates.skewed_clocks else 0
        identity = {"anonymousId" if anonymous else "userId": key}
        return Visitor(key, identity, clock_ms, chance.random() < rates.carts_with_id)

    def _consents(self, at_ms: int) -> tuple[list[Due], list[Due]]:
        """What the shopper says on the first page, and what later."""
        chance, rates = self._chance, self._rates
        if chance.random() < rates.without_consent:
            return [], []
        if chance.random() < rates.denied:
            return [Due(at_ms, CONSENT, DENIED)], []
        later = []
        if chance.random() < rates.revoked:
            later = [Due(at_ms + int(chance.expovariate(1 / REVOKED_AFTER_MS)), CONSENT, DENIED)]
        return [Due(at_ms, CONSENT, GRANTED)], later

"""A simulated shop whose shoppers answer nudges, with an effect that is known.

The simulator's shoppers act as its law says, whatever is sent to them; so a nudge has no effect, and every policy earns
the same. Here a nudge has one, and one only: some of those who get it order what was in the cart, at a chance that
follows from the cart's value and from nothing else. Everything else they do stays as it was. Whether a cart would be
answered is a hash of the cart, made before any policy is asked: so two policies, run over the same seed, meet the same
shoppers, and what each earned can be counted. `kairos estimate` has to find that from the log of the other alone.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from heapq import heappop, heappush
from typing import Final

import msgspec
import xxhash

from inference.answers import Answer
from schemas.interventions import Intervention, decode_intervention, minor_units
from schemas.topics import INTERVENTIONS, PURCHASE
from streams.core.outputs import Output
from streams.core.policy.rules import PolicyRules
from streams.core.shard import Rules, Shard
from streams.feed import Arrival
from streams.pipeline import Partition
from streams.replay.timeline import VirtualIngest
from streams.simulator.segment import TRANSIT_MS, encode, iso

SOONEST_MS: Final = 60_000
LATEST_MS: Final = 1_200_000
"""An answer comes so long after the nudge: at least, at most. Later ones would fall into the shopper's next cart."""
_NUDGES: Final = INTERVENTIONS["cart_nudge"].name


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """The chance that a nudge is answered: `small` for a cart below `from_cents`, else `large`."""

    small: float = 0.02
    large: float = 0.25
    from_cents: int = 10_000

    def chance(self, nudge: Intervention) -> float:
        """Of this nudge."""
        cents = minor_units(nudge.content.total_value, nudge.content.currency)
        return self.large if cents >= self.from_cents else self.small


def answering(arrivals: Iterable[Arrival], policy: PolicyRules, effect: Effect, seed: int) -> Iterator[Arrival]:
    """The arrivals of a shop under this policy, taken by rules: those given, and orders that answer its nudges.

    They come in their order. The same seed draws the same answer to the same cart, whatever the policy.
    """
    shop = _Shop(policy, effect, seed)
    for record in VirtualIngest().timeline(shop.all_of(arrivals)):
        asks = shop.partition.step([record])
        nobody = [None for ask in asks if ask.request is not None]
        shop.partition.answer(asks, Answer("rules", None, nobody), record.at_ms)
        shop.hear(shop.partition.take())
        yield from shop.passed()


class _Shop:
    """What is on its way: arrivals that were ingested, and answers that will be given."""

    def __init__(self, policy: PolicyRules, effect: Effect, seed: int) -> None:
        self.partition = Partition(Shard(), Rules(ask_models=False), policy)
        self._effect, self._seed = effect, seed
        self._passed: list[Arrival] = []
        self._coming: list[tuple[int, str, Arrival]] = []
        self._now_ms = -1

    def all_of(self, arrivals: Iterable[Arrival]) -> Iterator[Arrival]:
        """The arrivals with the answers among them: those that nobody has nudged for yet come later."""
        for arrival in arrivals:
            while self._coming and self._coming[0][0] <= arrival.at_ms:
                yield self._pass(heappop(self._coming)[2])
            yield self._pass(arrival)

    def _pass(self, arrival: Arrival) -> Arrival:
        self._passed.append(arrival)
        self._now_ms = arrival.at_ms
        return arrival

    def passed(self) -> list[Arrival]:
        """What has arrived since it was asked last."""
        passed, self._passed = self._passed, []
        return passed

    def hear(self, outputs: Iterable[Output]) -> None:
        """Draw what comes of each nudge."""
        for output in outputs:
            if output.topic == _NUDGES and b'"retracts"' not in output.value:
                nudge = decode_intervention(output.value)
                drawn = xxhash.xxh3_64_intdigest(f"{self._seed}|{nudge.target.id}|{nudge.trigger.event_id}".encode())
                if drawn / 2**64 < self._effect.chance(nudge):
                    self._answer(nudge, drawn)

    def _answer(self, nudge: Intervention, drawn: int) -> None:
        nudged_ms = max(_ms(nudge.not_before), self._now_ms)  # after a silence, timers fire late
        order = _order(nudge, nudged_ms + SOONEST_MS + drawn % (LATEST_MS - SOONEST_MS))
        heappush(self._coming, (order.at_ms, nudge.intervention_id, order))


def _order(nudge: Intervention, at_ms: int) -> Arrival:
    """Segment's order of what the nudge showed."""
    cart = nudge.content
    products = [msgspec.to_builtins(line) for line in cart.products]
    body = {
        "order_id": f"answer-{nudge.intervention_id}", "total": cart.total_value, "currency": cart.currency,
        "products": products, "cart_id": cart.cart_id,
    }  # fmt: skip
    track = {
        "type": "track", "event": "Order Completed", "messageId": f"answer-{nudge.intervention_id}",
        "userId": nudge.target.id, "timestamp": iso(at_ms), "properties": body,
    }  # fmt: skip
    return Arrival(at_ms + TRANSIT_MS, PURCHASE.name, nudge.target.id.encode(), encode(track))


def _ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1_000)

"""The moments of a log: the requests that the live path would have made, each where it is made, and all events."""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from inference.answers import Answer
from inference.inputs import Request
from schemas.dead_letters import DeadLetter
from schemas.kinds import LAST_EVENT
from schemas.shopper import Shopper
from schemas.timeline import SLOT_AT
from streams.core.policy.rules import PolicyRules
from streams.core.shard import Rules, Shard
from streams.feed import Arrival
from streams.pipeline import Partition
from streams.replay.log_counts import LogCounts
from streams.replay.share import WHOLE, Share
from streams.replay.timeline import Cut, VirtualIngest

PARTITIONS: Final = 64
"""Into so many the shoppers are cut, of which a share has some; nothing that is said of a shopper depends on it."""


class Seen(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """An event of a shopper, as it stands in the timeline."""

    key: bytes
    value: bytes


class Asked(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """A request about a shopper. `place` is that of the event it was made at: it rises along the log, in all shares."""

    place: int
    key: bytes
    request: Request
    message_id: str
    cart_key: str | None


class Moments:
    """Runs a share of a log. `end_ms` is the time of the last arrival so far, of the whole log.

    `counts` tells what the log is like, as far as that is seen here.
    """

    def __init__(self, rules: Rules, share: Share = WHOLE) -> None:
        self.rules = rules
        self.end_ms = -1
        self.counts = LogCounts()
        self._ingest = VirtualIngest(cut=Cut(PARTITIONS, share), refuse=self._refuse)
        self._partition = Partition(Shard(), rules, PolicyRules(id="examples", version="0"))

    def run(self, arrivals: Iterable[Arrival]) -> Iterator[Seen | Asked]:
        """Step the log record by record, and answer every ask with rules: a request does not depend on answers."""
        shard = self._partition.shard
        for record in self._ingest.timeline(arrivals):
            self.end_ms = max(self.end_ms, record.at_ms)
            watermark_ms = shard.watermark_ms
            made = self._partition.step([record])
            if record.key is not None and record.value[SLOT_AT] <= LAST_EVENT:
                self.counts.believe(record.value, watermark_ms)
                yield Seen(record.key, record.value)
            for ask in made:
                if ask.request is not None and ask.asked == "event":
                    yield Asked(self._ingest.read, ask.key, ask.request, ask.trigger.message_id, ask.cart_key)
            if made:
                rules = Answer("rules", None, [None for ask in made if ask.request])
                self._partition.answer(made, rules, record.at_ms)
            self._partition.take()
            self._let_go(shard.gone)
        self.counts.read = self._ingest.read
        self._let_go(list(shard.shoppers.values()))

    def _refuse(self, _partition: int, _arrival: Arrival, letter: DeadLetter) -> None:
        self.counts.refuse(letter)

    def _let_go(self, shoppers: list[Shopper]) -> None:
        for shopper in shoppers:
            self.counts.gone(shopper)
        shoppers.clear()

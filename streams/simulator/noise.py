"""What goes wrong between a device and the log: late, twice, or broken. It never changes what happened."""

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any, Final

from streams.feed import Arrival
from streams.simulator.happening import Happening, Visitor
from streams.simulator.rates import Rates
from streams.simulator.segment import Message, encode, iso, message, stamp, topic_of

TRAVEL_MS: Final = 150
"""The mean time from an event to its arrival, beyond the shortest."""
SHORTEST_MS: Final = 80
LATE_MS: Final = (10_000, 300_000)
"""How late a late event arrives: at least, at most."""
AGAIN_MS: Final = (200, 30_000)
"""How much later the second copy of a duplicate arrives."""
AHEAD_MS: Final = 40 * 86_400_000
"""How far in the future a broken clock is."""


class Noise:
    """Turns what happened into arrivals. `sent` counts events, duplicates, late ones, and each class of malformed."""

    def __init__(self, chance: Random, rates: Rates) -> None:
        self._chance = chance
        self._rates = rates
        self.sent: Counter[str] = Counter()

    def arrivals(self, visitor: Visitor, happening: Happening, at_ms: int, message_id: str) -> list[Arrival]:
        """The records of one event: itself, perhaps a copy, perhaps a malformed one beside it."""
        uniform = self._chance.random
        received_ms = at_ms + SHORTEST_MS + int(self._chance.expovariate(1 / TRAVEL_MS))
        if uniform() < self._rates.late:
            received_ms += self._chance.randint(*LATE_MS)
            self.sent["late"] += 1
        self.sent["events"] += 1
        topic, key = topic_of(happening.kind).name, visitor.key.encode()
        track = message(visitor, happening, at_ms, message_id)
        stamp(track, at_ms, received_ms, visitor.clock_ms)
        arrivals = [Arrival(received_ms, topic, key, encode(track))]
        if uniform() < self._rates.malformed:
            arrivals.append(Arrival(received_ms, topic, key, self._broken(track, received_ms)))
        if uniform() < self._rates.duplicates:
            again_ms = received_ms + self._chance.randint(*AGAIN_MS)
            stamp(track, at_ms, again_ms, visitor.clock_ms)
            arrivals.append(Arrival(again_ms, topic, key, encode(track)))
            self.sent["duplicates"] += 1
        return arrivals

    def _broken(self, track: Message, received_ms: int) -> bytes:
        body = track.get("properties", {})
        names = [name for name in BREAKS if name != "negative_price" or "price" in body or "total" in body]
        name = self._chance.choice(names)
        self.sent[name] += 1
        return BREAKS[name]({**track, "messageId": f"{track['messageId']}-{name}"}, received_ms)


def _not_json(track: Message, received_ms: int) -> bytes:
    return b"\xfe\xed%s&%s" % (track["event"].encode(), track["messageId"].encode())


def _truncated(track: Message, received_ms: int) -> bytes:
    value = encode(track)
    return value[: len(value) * 2 // 3]


def _unknown_event(track: Message, received_ms: int) -> bytes:
    return encode({**track, "event": "Video Playback Paused"})


def _missing_field(track: Message, received_ms: int) -> bytes:
    track.pop("messageId")
    return encode(track)


def _wrong_type(track: Message, received_ms: int) -> bytes:
    return encode({**track, "messageId": 4_711})


def _negative_price(track: Message, received_ms: int) -> bytes:
    body: dict[str, Any] = track["properties"]
    name = "price" if "price" in body else "total"
    return encode({**track, "properties": {**body, name: -body[name] - 1}})


def _clock_ahead(track: Message, received_ms: int) -> bytes:
    ahead = iso(received_ms + AHEAD_MS)
    return encode({**track, "originalTimestamp": ahead, "timestamp": ahead, "sentAt": iso(received_ms)})


BREAKS: Final[dict[str, Callable[[Message, int], bytes]]] = {
    "not_json": _not_json, "truncated": _truncated, "unknown_event": _unknown_event, "missing_field": _missing_field,
    "wrong_type": _wrong_type, "negative_price": _negative_price, "clock_ahead": _clock_ahead,
}  # fmt: skip
"""How a record can be malformed."""

"""Training examples from a log: the requests that the live path would have made, with what came of them.

Training so sees what serving sees: the log runs through the very pipeline, and a request is taken where it is made.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec
import xxhash

from inference.answers import Answer
from inference.dataset import Example
from inference.inputs import Request
from schemas.kinds import LAST_EVENT
from schemas.shopper import Waiting
from schemas.timeline import SLOT_AT, TAIL_AT, decode_detail, decode_entry
from streams.core.policy.rules import PolicyRules
from streams.core.shard import Rules, Shard
from streams.feed import Arrival
from streams.pipeline import Partition
from streams.replay.formats.table import RecordedLog
from streams.replay.labels import Story, once
from streams.replay.timeline import VirtualIngest
from streams.simulator.truth import Chance

_decode_chance = msgspec.json.Decoder(Chance).decode


class _Asked(NamedTuple):
    key: bytes
    request: Request
    message_id: str
    cart_key: str | None


class Moments:
    """Runs a log, and keeps the requests and each shopper's events: labels need all of them."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.end_ms = -1
        self.asked: list[_Asked] = []
        self.events: dict[bytes, list[Waiting]] = {}
        self._partition = Partition(Shard(), rules, PolicyRules(id="examples", version="0"))

    def run(self, arrivals: Iterable[Arrival]) -> None:
        """Step the whole log, and answer every ask with rules."""
        for record in VirtualIngest().timeline(arrivals):
            self.end_ms = max(self.end_ms, record.at_ms)
            if record.value[SLOT_AT] <= LAST_EVENT and record.key is not None:
                self._keep(record.key, record.value)
            made = self._partition.step([record])
            self.asked += [
                _Asked(ask.key, ask.request, ask.trigger.message_id, ask.cart_key)
                for ask in made
                if ask.request is not None and ask.asked == "event"
            ]
            self._partition.answer(made, Answer("rules", None, [None for ask in made if ask.request]), record.at_ms)
            self._partition.take()

    def _keep(self, key: bytes, value: bytes) -> None:
        entry = decode_entry(value)
        detail = decode_detail(memoryview(value)[TAIL_AT:])
        self.events.setdefault(key, []).append(Waiting(entry.slot.at_ms, entry.source, entry.slot.kind, detail))


def examples(log: Path, rules: Rules = Rules()) -> Iterator[Example]:  # noqa: B008 a frozen record
    """The examples of a log file, in the order of the log. Raises `UnreadableFile`.

    `log` may be the folder of `kairos simulate`. Where it left a truth beside the log, examples have that too.
    """
    log = log / "events.jsonl" if log.is_dir() else log
    moments = Moments(rules)
    moments.run(RecordedLog(log).arrivals())
    yield from _labelled(moments, _chances(log.with_name("truth.jsonl")))


def _labelled(moments: Moments, truth: Mapping[tuple[str, str], float]) -> Iterator[Example]:
    stories: dict[bytes, Story] = {}
    for key, request, message_id, cart_key in moments.asked:
        story = stories.get(key)
        if story is None:
            story = stories[key] = Story(once(moments.events[key]), moments.end_ms, moments.rules.cart_idle_ms)
        outcome = story.outcome(request.at_ms, cart_key)
        known = truth.get((message_id, cart_key or ""), float("nan"))
        yield Example(request, *outcome, known, request.at_ms, xxhash.xxh3_64_intdigest(key))


def _chances(path: Path) -> dict[tuple[str, str], float]:
    """The exact probabilities of abandonment by (messageId, cart id); none where the file is not there."""
    if not path.exists():
        return {}
    with path.open("rb") as lines:
        told = (_decode_chance(line) for line in lines if b'"abandon"' in line)
        return {(chance.message_id, chance.cart_id): chance.abandon for chance in told}

"""A run that never took place: what a shop without any fault would have left on Kafka, for the judges to judge."""

from collections import Counter
from collections.abc import Iterable

import msgspec

from inference.answers import Answer
from schemas.dead_letters import headers
from schemas.shopper import META_KEY, encode_meta, encode_shopper
from schemas.timeline import Tick, encode_tick
from schemas.topics import CHANGELOG, DLQ, INPUTS, TIMELINE
from streams.chaos.court import Case
from streams.chaos.evidence import Evidence, Stood
from streams.chaos.producer import Sent
from streams.chaos.scripts import LONGEST
from streams.chaos.shops import EVERY_NUDGE, START_MS, Shop
from streams.chaos.traffic import Traffic
from streams.core.clean import CleanRules, Input, clean
from streams.core.policy.rules import parse
from streams.core.shard import Rules, Shard
from streams.feed import Arrival
from streams.pipeline import Partition
from streams.settings import Settings

IDLE_MS = 60_000
TICK_MS = 1_000
_INPUTS = {topic.name: topic for topic in INPUTS}
_CLEAN = CleanRules(max_clock_ahead_ms=60_000, trust_append_time=False)


def traffic_of(seed: int = 3, shoppers: int = 60) -> list[Arrival]:
    """Scripted shoppers from their first event to the last."""
    traffic = Traffic(seed, START_MS, IDLE_MS, gap_ms=1_000.0)
    arrivals = traffic.due(START_MS + shoppers * 1_000)
    traffic.close()
    return arrivals + traffic.due(float("inf"))


def crash_free(arrivals: Iterable[Arrival]) -> Evidence:
    """What one worker that nothing happens to makes of them, on one partition."""
    inputs = _numbered(arrivals)
    letters, timeline = list[Stood](), list[Stood]()
    ticked_ms = START_MS
    for record in inputs:
        while record.at_ms >= ticked_ms + TICK_MS:
            ticked_ms += TICK_MS
            timeline.append(_logged(len(timeline), None, encode_tick(Tick(ticked_ms, ticked_ms)), ticked_ms))
        _ingest(record, letters, timeline)
    end_ms = ticked_ms + round((LONGEST + 1) * IDLE_MS)
    timeline.append(_logged(len(timeline), None, encode_tick(Tick(end_ms, end_ms)), end_ms))
    told, changelog = _decided(timeline)
    changes = [Stood(CHANGELOG.name, 0, n, key, value) for n, (key, value) in enumerate(changelog.items())]
    return Evidence(inputs, letters, {0: timeline}, changes, {0: changelog}, told, list(told))


def case_of(evidence: Evidence, policy_path: str) -> Case:
    """The case of a shop of scripted shoppers. `policy_path` is a file with `EVERY_NUDGE`."""
    settings = msgspec.structs.replace(
        Settings(), app_id="rules", model="", cart_idle_s=IDLE_MS / 1_000, policy=policy_path, timeline_partitions=1
    )
    shop = Shop(settings, Traffic(1, START_MS, IDLE_MS, 1_000.0), speed=1.0, scripted=True)
    return Case(shop, evidence, [Sent(START_MS, START_MS, len(evidence.inputs))])


def _numbered(arrivals: Iterable[Arrival]) -> list[Stood]:
    ends: Counter[str] = Counter()
    found = []
    for arrival in arrivals:
        found.append(Stood(arrival.topic, 0, ends[arrival.topic], arrival.key, arrival.value, (), arrival.at_ms))
        ends[arrival.topic] += 1
    return found


def _ingest(record: Stood, letters: list[Stood], timeline: list[Stood]) -> None:
    source = Input(record.topic, _INPUTS[record.topic].id, 0)
    done = clean(source, record.offset, record.value, (), record.at_ms, _CLEAN)
    if isinstance(done, tuple):
        timeline.append(_logged(len(timeline), done[0], done[1], record.at_ms))
    else:
        why = tuple(headers(done, [], record.topic, 0, record.offset, "rules"))
        at = (record.topic + DLQ, 0, len(letters))
        letters.append(Stood(*at, record.key, record.value, why, record.at_ms))


def _logged(offset: int, key: bytes | None, value: bytes, at_ms: int) -> Stood:
    return Stood(TIMELINE.name, 0, offset, key, value, (), at_ms)


def _decided(timeline: list[Stood]) -> tuple[list[Stood], dict[bytes, bytes]]:
    rules = Rules(cart_idle_ms=IDLE_MS, ask_models=False)
    partition, ends, told = Partition(Shard(), rules, parse(EVERY_NUDGE)), Counter[str](), list[Stood]()
    for record in timeline:
        asks = partition.step([record])
        scores = [None for ask in asks if ask.request is not None]
        partition.answer(asks, Answer("rules", None, scores), record.at_ms)
    for output in partition.commit().outputs:
        at = (output.topic, 0, ends[output.topic])
        told.append(Stood(*at, output.key, output.value, tuple(output.headers), START_MS))
        ends[output.topic] += 1
    state = {key: encode_shopper(shopper) for key, shopper in partition.shard.shoppers.items()}
    return told, state | {META_KEY: encode_meta(partition.shard.meta())}

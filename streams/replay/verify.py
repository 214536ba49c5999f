"""Holding what a run told against a crash-free replay of its timeline with its recorded scores.

One share of the partitions at a time is in memory, with all that was told about its shoppers.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import msgspec
from aiokafka import TopicPartition

from schemas.decisions import decode_decision
from schemas.shopper import META_KEY, Meta, encode_meta
from schemas.topics import CHANGELOG, DECISIONS
from streams.core.policy.rules import PolicyRules
from streams.core.shard import Rules
from streams.replay.books import Books
from streams.replay.crash_free import Difference, Recorded, State, Told, differences, replay
from streams.replay.job import reading
from streams.replay.logs import Log, TopicLog
from streams.replay.recorded import told
from streams.replay.share import Share
from streams.replay.timeline import Logged
from streams.replay.timeline_lines import mistake
from streams.replay.topics import TopicReader


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What was compared, and every difference by its cause. `causes` counts them."""

    records: int
    told: int
    causes: dict[str, int]
    differences: list[dict[str, str]]

    def __str__(self) -> str:
        compared = f"{self.told:,} records told, of a timeline of {self.records:,} records"
        if not self.differences:
            return f"no difference: {compared}"
        found = [f"{one['cause']:<12}{one['what']}" for one in self.differences]
        counts = ", ".join(f"{cause} {count:,}" for cause, count in self.causes.items())
        return "\n".join((f"{len(found):,} differences ({counts}): {compared}", *found))


class _Held(NamedTuple):
    """What is known of one share. `broken` are records that cannot be read."""

    recorded: Recorded
    broken: list[Difference]


def verify(log: Log, policy: PolicyRules, rules: Rules, shares: int) -> Verdict:
    """Everything in which the run differs from a crash-free one. Errors: those of the log, and `ValueError`.

    Of a topic the shopper table is compared too, and the run is held to the place that its changelog tells.
    """
    found, records, count = list[Difference](), 0, 0
    for index in range(shares):
        held = _held(log, Share(index, shares))
        found += held.broken + _differences(held.recorded, policy, rules, isinstance(log, TopicLog))
        records += sum(map(len, held.recorded.timeline.values()))
        count += len(held.recorded.told)
    found.sort(key=lambda one: (one.kind, one.what))
    causes: dict[str, int] = defaultdict(int)
    for one in found:
        causes[one.kind] += 1
    listed = [{"cause": one.kind, "shopper": one.key.decode(errors="replace"), "what": one.what} for one in found]
    return Verdict(records=records, told=count, causes=dict(causes), differences=listed)


def _held(log: Log, share: Share) -> _Held:
    books, timeline, broken = Books(None), defaultdict[int, list[Logged]](list), list[Difference]()
    for number, record in reading(log, share, books).records():
        timeline[number].append(record)
        if not isinstance(log, TopicLog) and (why := mistake(record)):  # on a broker the run refused it, too
            broken.append(Difference("wrong_bytes", b"", f"the timeline, partition {number}@{record.offset}: {why}"))
    broken += [Difference("wrong_bytes", b"", f"the timeline: {text}") for _, text in books.tally.rows]
    kept = list[Told]()
    for one in told(log, share):
        reason = _unreadable(one)
        if reason is None:
            kept.append(one)
        else:
            broken.append(Difference("wrong_bytes", one.key, f"{one.id} on {one.topic} cannot be read: {reason}"))
    changelog = _changelog(log, share) if isinstance(log, TopicLog) else _ends(timeline)
    return _Held(Recorded(timeline, changelog, kept), broken)


def _differences(recorded: Recorded, policy: PolicyRules, rules: Rules, with_table: bool) -> list[Difference]:
    expected = replay(recorded, policy, rules)
    return differences(recorded if with_table else recorded._replace(timeline={}), expected)


def _unreadable(one: Told) -> str | None:
    """Why a decision cannot be taken again; None where it can, and of all other records."""
    if one.topic != DECISIONS.name:
        return None
    try:
        decode_decision(one.value)
    except (msgspec.MsgspecError, UnicodeDecodeError) as reason:
        return str(reason)
    return None


def _ends(timeline: dict[int, list[Logged]]) -> dict[int, State]:
    """Files have no changelog: the run is held to the end of each partition."""
    return {n: {META_KEY: encode_meta(Meta(offset=records[-1].offset + 1))} for n, records in timeline.items()}


def _changelog(log: TopicLog, share: Share) -> dict[int, State]:
    """The shopper table of each partition, as its changelog has it."""
    found: dict[int, dict[bytes, bytes]] = {number: {} for number in log.end if share.has(number)}
    for partition, key, value in _table(log, list(found)):
        if value is None:
            found[partition].pop(key, None)
        else:
            found[partition][key] = value
    return found


def _table(log: TopicLog, numbers: list[int]) -> Iterator[tuple[int, bytes, bytes | None]]:
    parts = [TopicPartition(log.prefix + CHANGELOG.name, number) for number in numbers]
    with TopicReader(log.broker) as reader:
        for record in reader.read(reader.beginnings(parts), reader.ends(parts)):
            yield record.partition, record.key, record.value

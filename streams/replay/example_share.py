"""One share of the examples of a log: its requests and events go to disk by shopper, then labels are looked up there.

Labels need all that a shopper does afterwards, so they wait for the end of the log, in files. Memory holds the shoppers
as a worker does, and one of 64 parts of the files at a time.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from struct import Struct
from typing import Any, Final, NamedTuple

import msgspec
import xxhash

from inference.dataset import Example
from streams.core.partitions import timeline_partition
from streams.core.shard import Rules
from streams.replay.formats.table import RecordedLog
from streams.replay.labels import Stories, Story
from streams.replay.log_counts import LogCounts
from streams.replay.moments import PARTITIONS, Asked, Moments, Seen
from streams.replay.share import Share
from streams.replay.spool import Spool, buckets
from streams.simulator.truth import Chance


class ShareOfExamples(msgspec.Struct, frozen=True, kw_only=True):
    """What to do. `log` is in the order of time; `truth` is the simulator's, where there is one; `folder` is new."""

    log: str
    format_name: str
    truth: str | None
    rules: Rules
    share: Share
    folder: str


class _Known(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """The exact probability that a cart would be abandoned, as the simulator knows it."""

    message_id: str
    cart_id: str
    abandon: float


class Labelled(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An example, and its place in the log."""

    place: int
    example: Example


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Seen | Asked | _Known).decode
_decode_chance: Final = msgspec.json.Decoder(Chance).decode
_decode_labelled: Final = msgspec.msgpack.Decoder(Labelled).decode
_LENGTH: Final = Struct("<I")


class Labels(NamedTuple):
    """The files of a share, and what its part of the log is like."""

    files: list[str]
    counts: LogCounts


def label(task: ShareOfExamples) -> Labels:
    """Write the examples of a share into files, each in the order of the log. Raises `UnreadableFile`."""
    folder = Path(task.folder)
    moments, spool = Moments(task.rules, task.share), folder / "spool"
    with Spool(spool) as files:
        for moment in moments.run(RecordedLog(Path(task.log), task.format_name).arrivals()):
            files.put(moment.key, _encode(moment))
        for chance in _chances(task):
            files.put(chance.key.encode(), _encode(_Known(chance.message_id, chance.cart_id, chance.abandon)))
    written = []
    for nth, bucket in enumerate(buckets(spool)):
        if found := list(_labelled(map(_decode, bucket), moments)):
            written.append(str(folder / f"{nth}.examples"))
            _write(Path(written[-1]), sorted(found, key=lambda one: one.place))
    return Labels(written, moments.counts)


def read(file: str) -> Iterator[Labelled]:
    """The examples of a file, as `label` wrote it."""
    with Path(file).open("rb") as opened:
        while length := opened.read(_LENGTH.size):
            yield _decode_labelled(opened.read(*_LENGTH.unpack(length)))


def _write(path: Path, examples: Iterable[Labelled]) -> None:
    with path.open("xb") as file:
        for example in examples:
            text = _encode(example)
            file.write(_LENGTH.pack(len(text)) + text)


def _labelled(bucket: Iterable[Any], moments: Moments) -> Iterator[Labelled]:
    stories = Stories(moments.end_ms, moments.rules.cart_idle_ms)
    asked, truth = list[Asked](), dict[tuple[str, str], float]()
    for moment in bucket:
        if isinstance(moment, Seen):
            stories.see(moment.key, moment.value)
        elif isinstance(moment, Asked):
            asked.append(moment)
        else:
            truth[moment.message_id, moment.cart_id] = moment.abandon
    for events in stories.seen():
        moments.counts.shopper(events)
    for one in asked:
        known = truth.get((one.message_id, one.cart_key or ""), float("nan"))
        yield Labelled(one.place, _example(one, stories.of(one.key), known))


def _example(asked: Asked, story: Story, truth: float) -> Example:
    request = asked.request
    outcome = story.outcome(request.at_ms, asked.cart_key)
    return Example(request, *outcome, truth, request.at_ms, xxhash.xxh3_64_intdigest(asked.key))


def _chances(task: ShareOfExamples) -> Iterator[Chance]:
    """The exact probabilities that are known of this share's shoppers."""
    if task.truth is None:
        return
    with Path(task.truth).open("rb") as lines:
        for line in lines:
            if b'"abandon"' in line:
                chance = _decode_chance(line)
                if task.share.has(timeline_partition(chance.key.encode(), PARTITIONS)):
                    yield chance

"""The data-quality report on a log and the examples that were made of it: what was dropped, and why."""

from typing import Final

import msgspec
import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table

from inference.dataset import Examples, Split
from inference.enough import PartCounts, lacking, parts_of, unlearned
from inference.heads import HOUR_MS
from streams.replay.log_counts import BOT_EVENTS, BOT_WITHIN_MS, LogCounts

QUALITY_FILE: Final = "quality.json"


class DataQuality(msgspec.Struct, frozen=True, kw_only=True):
    """`records` is None where the examples were made earlier. `shares`: of all records of the log, by what befell them.

    `examples` and `shoppers` are of all examples, `hours` from the first to the last. `left_out`: those in the gaps
    before the cuts, which are in no part. `too_thin`: why these examples should not be trained on. `unlearned`: heads
    that cannot be learned or judged, which stops nobody.
    """

    source: str
    sha256: str
    records: LogCounts | None
    shares: dict[str, float]
    examples: int
    shoppers: int
    hours: float
    gap_hours: float
    left_out: int
    parts: dict[str, PartCounts]
    too_thin: list[str]
    unlearned: list[str]


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where examples come from: the name of the log, the hash of the examples, and what the log was like."""

    name: str
    sha256: str
    records: LogCounts | None = None


def data_quality(source: Source, examples: Examples, split: Split, gap_ms: int) -> DataQuality:
    """The report on examples and their parts."""
    parts, records = parts_of(split), source.records
    return DataQuality(
        source=source.name,
        sha256=source.sha256,
        records=records,
        shares={} if records is None else _shares(records),
        examples=len(examples),
        shoppers=len(np.unique(examples["shopper"])),
        hours=float(np.ptp(examples["at_ms"])) / HOUR_MS,
        gap_hours=gap_ms / HOUR_MS,
        left_out=len(examples) - sum(map(len, split)),
        parts=parts,
        too_thin=lacking(parts),
        unlearned=unlearned(parts),
    )


def _shares(records: LogCounts) -> dict[str, float]:
    """Of all records: those that taught nothing, by the reason, then their sum."""
    dropped = dict(sorted(records.refused.items())) | {"repeat": records.repeats}
    dropped["dropped"] = sum(dropped.values())
    return {name: count / max(1, records.read) for name, count in dropped.items()}


def shown(quality: DataQuality) -> RenderableType:
    """The report as tables for a terminal."""
    records = [] if quality.records is None else [_of_records(quality.records)]
    return Group(*records, _of_parts(quality), *_said(quality))


def _of_records(counts: LogCounts) -> Table:
    table = Table("", "records", "share", title="data quality: the log")
    table.columns[1].justify = table.columns[2].justify = "right"
    for name, count in _lines(counts):
        table.add_row(name, f"{count:,}", f"{count / max(1, counts.read):.2%}" if count else "")
    return table


def _lines(counts: LogCounts) -> list[tuple[str, int]]:
    fields = [
        *((f"  missing: {name}", count) for name, count in sorted(counts.missing.items())),
        *((f"  out of range: {name}", count) for name, count in sorted(counts.out_of_range.items())),
        *((f"  of a wrong type: {name}", count) for name, count in sorted(counts.wrong_type.items())),
    ]
    return [
        ("read", counts.read),
        ("dropped: refused", sum(counts.refused.values())),
        *((f"  {name.replace('_', ' ')}", count) for name, count in sorted(counts.refused.items())),
        *fields,
        ("dropped: repeats of an event", counts.repeats),
        ("believed, without a field", sum(counts.absent.values())),
        *((f"  {name}", count) for name, count in sorted(counts.absent.items())),
        ("time travel: behind the watermark", counts.behind_watermark),
        ("time travel: older than the one before", counts.out_of_order),
        (f"of bots ({counts.bots:,} of {counts.shoppers:,} shoppers)", counts.bot_events),
    ]


def _of_parts(quality: DataQuality) -> Table:
    table = Table("", *quality.parts, title="data quality: the examples")
    for column in table.columns[1:]:
        column.justify = "right"
    parts = quality.parts.values()
    table.add_row("examples", *(f"{part.examples:,}" for part in parts))
    table.add_row("shoppers", *(f"{part.shoppers:,}" for part in parts))
    table.add_row("hours", *(f"{(part.to_ms - part.from_ms) / HOUR_MS:,.1f}" for part in parts))
    for head in next(iter(parts)).heads:
        found = [part.heads[head] for part in parts]
        cells = (f"{one.rate:.1%} of {one.known:,}" if one.rate is not None else "none known" for one in found)
        table.add_row(head, *cells)
    return table


def _said(quality: DataQuality) -> list[str]:
    said = [
        f"{quality.examples:,} examples of {quality.shoppers:,} shoppers over {quality.hours / 24:,.1f} days; "
        f"{quality.left_out:,} are left out in the gaps of {quality.gap_hours:g} h before the cuts",
        *(f"cannot be learned or judged: {words}" for words in quality.unlearned),
        *(f"too thin: {words}" for words in quality.too_thin),
    ]
    if quality.records is not None:
        said.insert(0, f"a bot: {BOT_EVENTS} events within {BOT_WITHIN_MS // 60_000} minutes; none is dropped for it")
    return said

"""Whether examples are enough to train on and to judge by; and if not, what is missing."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from inference.dataset import Examples, Split
from inference.heads import HEADS, Head
from inference.inputs import OUTPUTS


class Least(NamedTuple):
    """What a part must have: so many shoppers, and of a head so many examples of each of two different answers."""

    shoppers: int
    of_each: int


LEAST: Final = (Least(100, 50), Least(20, 10), Least(20, 10))
"""Of training, validation and test. Below ten of the rarer answer an order of scores cannot be told from chance."""
_ASKED_LIVE: Final = frozenset(output.name for output in OUTPUTS)
"""A model that cannot have learned these is of no use. Where others are thin, the rest is learned all the same."""
_STOPS_BY: Final = "abandon_30m"
"""By this head training stops, on validation, and it is what a model is chosen by."""


class HeadCounts(msgspec.Struct, frozen=True, kw_only=True):
    """The labels of a head in one part. `most` and `second`: examples of the two most frequent answers.

    `rate`: of a chance, how often it came true; of a choice, how often the most frequent one came. None: no label.
    """

    known: int
    rate: float | None
    most: int
    second: int


class PartCounts(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a split. Times are event times of the first and of the last example."""

    examples: int
    shoppers: int
    from_ms: int
    to_ms: int
    heads: dict[str, HeadCounts]


def parts_of(split: Split) -> dict[str, PartCounts]:
    """What each part holds."""
    return {name: _part(part) for name, part in split._asdict().items()}


def _part(examples: Examples) -> PartCounts:
    return PartCounts(
        examples=len(examples),
        shoppers=len(np.unique(examples["shopper"])),
        from_ms=int(examples["at_ms"].min()),
        to_ms=int(examples["at_ms"].max()),
        heads={head.name: _head(head, examples[head.name]) for head in HEADS},
    )


def _head(head: Head, labels: npt.NDArray[Any]) -> HeadCounts:
    known = labels[labels >= 0].astype(np.intp)  # neither NaN nor -1
    frequent = np.sort(np.bincount(known, minlength=2))[::-1]
    rate = (
        None if not len(known) else float(known.mean()) if head.answers == "chance" else float(frequent[0] / len(known))
    )
    return HeadCounts(known=len(known), rate=rate, most=int(frequent[0]), second=int(frequent[1]))


def lacking(parts: dict[str, PartCounts]) -> list[str]:
    """What is too little to train on, each as what came and what is needed; nothing where it is enough."""
    return [*_shoppers(parts), *(words for head in HEADS for words in _labels(head, parts, needed=True))]


def unlearned(parts: dict[str, PartCounts]) -> list[str]:
    """The same of what no training waits for: heads that will not be learned, or cannot be judged."""
    return [words for head in HEADS for words in _labels(head, parts, needed=False)]


def _shoppers(parts: dict[str, PartCounts]) -> Iterator[str]:
    for (name, part), least in zip(parts.items(), LEAST, strict=True):
        if part.shoppers < least.shoppers:
            yield f"shoppers in {name}: {part.shoppers:,}, needed are {least.shoppers:,}"


def _labels(head: Head, parts: dict[str, PartCounts], *, needed: bool) -> Iterator[str]:
    """What a head lacks, in those parts in which it is needed, or in the others."""
    asked = [(name, least) for name, least in zip(parts, LEAST, strict=True) if _is_needed(head, name) == needed]
    unknown = [name for name, _ in asked if not parts[name].heads[head.name].known]
    if unknown:
        ahead = f"{head.horizon_ms / 3_600_000:g} h"
        yield f"{head.name}: no label is known in {', '.join(unknown)}; it looks {ahead} ahead, within its part"
    for name, least in asked:
        found = parts[name].heads[head.name]
        if found.known and found.second < least.of_each:
            yield (
                f"{head.name}: {found.second:,} of {found.known:,} examples in {name} have the rarer answer, "
                f"needed are {least.of_each:,}"
            )


def _is_needed(head: Head, part: str) -> bool:
    return head.name == _STOPS_BY or (part == "train" and head.name in _ASKED_LIVE)


def check(parts: dict[str, PartCounts], *, force: bool = False) -> None:
    """Raise `ValueError` where the parts are too thin to train on, naming the numbers; not with `force`."""
    missing = lacking(parts)
    if missing and not force:
        raise ValueError(f"too thin to train on: {'; '.join(missing)}. Give a longer log, or --force")

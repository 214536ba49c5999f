"""Examples to learn from: requests with what came of them, on disk as one `.npy` file, split by time."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from inference.heads import CART_MS, HEADS
from inference.inputs import CONTEXT, HISTORY_EVENTS, Columns, Request, columns
from schemas.history import DTYPE

EXAMPLES_FILE: Final = "examples.npy"
"""Where a folder of `kairos examples` has them."""
_CHUNK: Final = 16_384
"""How many examples are held as Python objects at once."""


class Example(NamedTuple):
    """One request, and what came of it. What is not known is masked, and nothing is learned from it.

    Labels are those of `inference/heads.py`: 1 or 0 for a chance, NaN masked; a number for a choice, -1 masked.
    `truth`: the exact probability of abandonment, where a simulator knows it, else NaN. `at_ms`: event time, which the
    split goes by. `shopper`: a hash of the shopper's key.
    """

    request: Request
    abandon_30m: float
    purchase_24h: float
    next_action: int
    purchase_1h: float
    purchase_session: float
    churn_30d: float
    next_event: int
    truth: float
    at_ms: int
    shopper: int = 0


DTYPE_OF_EXAMPLE: Final = np.dtype(
    [
        ("history", DTYPE, (HISTORY_EVENTS,)),
        ("asked_ms", "<i8"),
        ("context", "<f4", (len(CONTEXT),)),
        ("abandon_30m", "<f4"),
        ("purchase_24h", "<f4"),
        ("next_action", "i1"),
        ("purchase_1h", "<f4"),
        ("purchase_session", "<f4"),
        ("churn_30d", "<f4"),
        ("next_event", "i1"),
        ("truth", "<f4"),
        ("at_ms", "<i8"),
        ("shopper", "<u8"),
    ]
)
"""An example in an array and in a file: 1,054 bytes, masked as in `Example`."""

Examples = npt.NDArray[np.void]
"""An array of `DTYPE_OF_EXAMPLE`, shape (N,)."""


class Split(NamedTuple):
    """Three parts, one after the other in time."""

    train: Examples
    validation: Examples
    test: Examples


def gather(examples: Iterable[Example]) -> Examples:
    """The examples as an array, in their order.

    Raises `ValueError` where there are none.
    """
    chunks = list(_chunks(iter(examples)))
    if not chunks:
        msg = "expected examples, got none; a log needs shoppers with an open cart, and events after it"
        raise ValueError(msg)
    return np.concatenate(chunks)


def _chunks(examples: Iterator[Example]) -> Iterator[Examples]:
    while chunk := list(islice(examples, _CHUNK)):
        array = np.empty(len(chunk), dtype=DTYPE_OF_EXAMPLE)
        requests, *labels = zip(*chunk, strict=True)
        array["history"], array["asked_ms"], array["context"] = columns(requests)
        for name, column in zip(Example._fields[1:], labels, strict=True):
            array[name] = column
        yield array


def inputs(examples: Examples) -> dict[str, npt.NDArray[Any]]:
    """The input tensors of the examples: those that `inference.inputs.tensors` makes of their requests."""
    return Columns(examples["history"], examples["asked_ms"], examples["context"]).tensors()


def write_examples(path: Path, examples: Examples) -> None:
    """Write the examples to a file, whose name is kept as it is."""
    with path.open("wb") as file:
        np.save(file, examples, allow_pickle=False)


def are_examples(path: Path) -> bool:
    """Whether a path is a file of examples or a folder with one, and no log."""
    return path.suffix == ".npy" or (path / EXAMPLES_FILE).is_file()


def read_examples(path: Path) -> Examples:
    """The examples of a file, or of a folder of `kairos examples`. Raises `ValueError` where they are none."""
    path = path / EXAMPLES_FILE if path.is_dir() else path
    try:
        with path.open("rb") as file:
            examples: Examples = np.load(file, allow_pickle=False)
    except (ValueError, EOFError) as error:
        msg = f"expected a file of examples, got {path}: {error}; make them with kairos examples LOG --out DIR"
        raise ValueError(msg) from error
    if examples.dtype != DTYPE_OF_EXAMPLE:
        msg = (
            f"expected examples with the fields {DTYPE_OF_EXAMPLE.names}, got {examples.dtype.names} in {path}; "
            "make them again with kairos examples LOG --out DIR"
        )
        raise ValueError(msg)
    return examples


def split(examples: Examples, shares: tuple[float, float] = (0.7, 0.15), gap_ms: int = CART_MS) -> Split:
    """The examples cut by time: about these shares for training and validation, the rest for the test.

    No label of an earlier part looks into a later one: before each cut, `gap_ms` of examples is left out, and labels
    that look further are masked. Raises `ValueError` where a part would be empty.
    """
    at_ms = examples["at_ms"]
    first_ms, second_ms = np.quantile(at_ms, np.cumsum(shares))
    train = _before(examples[at_ms < first_ms], first_ms, gap_ms)
    validation = _before(examples[(at_ms >= first_ms) & (at_ms < second_ms)], second_ms, gap_ms)
    parts = Split(train, validation, examples[at_ms >= second_ms])
    if not all(map(len, parts)):
        msg = (
            f"expected examples over much more time than two gaps of {gap_ms / 3_600_000:g} h, got {len(at_ms)} over "
            f"{np.ptp(at_ms) / 3_600_000:.1f} h; give a longer log or a smaller gap"
        )
        raise ValueError(msg)
    return parts


def _before(examples: Examples, cut_ms: float, gap_ms: int) -> Examples:
    """The examples whose labels do not look beyond `cut_ms`."""
    kept = examples[examples["at_ms"] < cut_ms - gap_ms]  # a copy: the mask stays in here
    for head in HEADS:
        far = kept["at_ms"] >= cut_ms - head.horizon_ms
        kept[head.name][far] = np.nan if head.answers == "chance" else -1
    return kept


def batches(count: int, size: int, rng: np.random.Generator) -> Iterator[npt.NDArray[np.intp]]:
    """All indexes below `count` in random order, `size` at a time."""
    order = rng.permutation(count)
    for start in range(0, count, size):
        yield order[start : start + size]

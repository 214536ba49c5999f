"""One event in a shopper's history: 23 bytes, the same in a timeline record, in the shopper's record and in a tensor.

A step copies the slot from the timeline into the shopper's ring as it is; features read many at once through `DTYPE`.
"""

from struct import Struct
from typing import Final

import numpy as np
import numpy.typing as npt

SLOT: Final = Struct("<BIHQII")
"""kind, at_ms (low 32 bits, high 16), item, category, price.

- at_ms: event time, Unix epoch milliseconds.
- item: xxh3 hash of the product_id, 0 for none. category: 32 bits of the hash of the category, 0 for none.
- price: minor units of the event's currency, 0 for unknown, at most 2**32 - 1.
"""
SLOT_SIZE: Final = SLOT.size
RING_EVENTS: Final = 64
"""How many events a shopper's record remembers."""
ID_SIZE: Final = 6
"""A message id beside its slot: 48 bits of the xxh3 hash of the messageId, little-endian; recognises repeats."""

DTYPE: Final = np.dtype(
    [
        ("kind", "u1"),
        ("at_low", "<u4"),
        ("at_high", "<u2"),
        ("item", "<u8"),
        ("category", "<u4"),
        ("price", "<u4"),
    ]
)
"""The slot as numpy reads it: packed, without padding."""


def events(slots: bytes | bytearray | memoryview) -> npt.NDArray[np.void]:
    """The slots as an array of `DTYPE`, shape (len(slots) / 23,)."""
    return np.frombuffer(slots, dtype=DTYPE)


def at_ms(history: npt.NDArray[np.void]) -> npt.NDArray[np.int64]:
    """Event times of an array of `DTYPE`, any shape, int64 milliseconds; 0 for padding."""
    low: npt.NDArray[np.int64] = history["at_low"].astype(np.int64)
    return low | (history["at_high"].astype(np.int64) << 32)

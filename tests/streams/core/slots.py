"""Slots of a shopper's history, written by hand."""

from schemas.history import SLOT
from schemas.kinds import Kind


def slot(id_: int, kind: int = Kind.PRODUCT_VIEWED, at_ms: int = 0, item: int = 0) -> bytes:
    """A slot whose message id is the number `id_`."""
    return SLOT.pack(kind, at_ms & 0xFFFFFFFF, at_ms >> 32, id_ & 0xFFFFFFFF, id_ >> 32, item, 0, 0)

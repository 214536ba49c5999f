"""Events of a shopper's history, written by hand."""

from schemas.history import ID_SIZE, SLOT
from schemas.kinds import Kind


def message_id(number: int) -> bytes:
    """A message id as it stands in a timeline record."""
    return number.to_bytes(ID_SIZE, "little")


def slot(kind: int = Kind.PRODUCT_VIEWED, at_ms: int = 0, item: int = 0) -> bytes:
    """A slot without category and price."""
    return SLOT.pack(kind, at_ms & 0xFFFFFFFF, at_ms >> 32, item, 0, 0)

"""Which partition of the timeline a shopper lives in."""

from xxhash import xxh3_64_intdigest


def timeline_partition(key: bytes, partitions: int) -> int:
    """The partition of a shopper's key among `partitions` (at least 1): the same for ever, on every machine.

    >>> timeline_partition(b"user-1", 8), timeline_partition(b"user-1", 1)
    (1, 0)
    """
    return xxh3_64_intdigest(key) % partitions

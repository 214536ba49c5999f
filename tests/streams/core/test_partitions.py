"""Where a shopper lives must never change, or its record is lost."""

from collections import Counter

from streams.core.partitions import timeline_partition


def test_a_key_keeps_its_partition_for_ever() -> None:
    assert [timeline_partition(key, 8) for key in (b"", b"ada", b"bob", "Ада".encode())] == [2, 7, 5, 2]


def test_shoppers_spread_evenly() -> None:
    sizes = Counter(timeline_partition(b"user-%d" % n, 8) for n in range(8_000))

    assert set(sizes) == set(range(8))
    assert max(sizes.values()) < 1.2 * min(sizes.values())

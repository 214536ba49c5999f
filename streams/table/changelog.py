"""What the changelog of a partition holds: a record for each shopper, and the partition's meta record."""

from collections.abc import Iterable, Mapping

from schemas.shopper import META_KEY, Meta, Shopper, decode_glance, decode_meta, encode_meta, encode_shopper
from streams.core.encoded import Encoded


def records(
    changed: Mapping[bytes, Shopper], forgotten: Iterable[bytes] = (), meta: Meta | None = None
) -> list[tuple[bytes, bytes | None]]:
    """The (key, value) pairs of one transaction: changed shoppers, deletions, then the meta record where there is one.

    >>> records({}, [b"user-1"])
    [(b'user-1', None)]
    """
    pairs: list[tuple[bytes, bytes | None]] = [(key, encode_shopper(shopper)) for key, shopper in changed.items()]
    pairs += [(key, None) for key in forgotten if key not in changed]
    if meta is not None:
        pairs.append((META_KEY, encode_meta(meta)))
    return pairs


class Restored:
    """A partition as its changelog tells it: give `apply` its records, in order. Nothing of it is on disk."""

    position = 0
    """The changelog offset to read from."""

    def __init__(self) -> None:
        """An empty partition: no shoppers, and a meta record that begins at offset 0."""
        self.shoppers = Encoded()
        self.meta = Meta()

    def apply(self, key: bytes, value: bytes | None) -> None:
        """Take one record over. A value of None deletes; deleting what is not there is no mistake.

        A shopper is only glanced at, and decoded at the first touch. Errors: `ValueError` on another version,
        `msgspec.DecodeError` on what is no record at all.

        >>> partition = Restored()
        >>> for key, value in records({b"user-1": Shopper(fence=4)}, meta=Meta(offset=5)):
        ...     partition.apply(key, value)
        >>> len(partition.shoppers), partition.meta.offset
        (1, 5)
        """
        if key == META_KEY:
            self.meta = Meta() if value is None else decode_meta(value)
        elif value is None:
            self.shoppers.remove(key)
        else:
            decode_glance(value)
            self.shoppers.put(key, value)

    def reached(self, position: int) -> None:
        """All records before `position` were applied."""
        self.position = position

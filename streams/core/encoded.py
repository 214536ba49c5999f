"""The cold tier in memory: the record of each shopper who was not touched since the restart, or was let go."""

from collections.abc import Collection, Iterable, Iterator, Mapping

from schemas.shopper import Shopper, encode_shopper, is_open
from streams.core.shoppers import Change, among, slice_of


class Encoded:
    """A `Cold` that holds nobody who is in memory as an object: nobody takes memory twice."""

    def __init__(self) -> None:
        self._slices: dict[int, dict[bytes, bytes]] = {}
        self._open: set[bytes] = set()

    @classmethod
    def of(cls, shoppers: Mapping[bytes, Shopper]) -> "Encoded":
        """These shoppers, as they would be after a restart."""
        made = cls()
        for key, shopper in shoppers.items():
            made.keep(key, shopper)
        return made

    def put(self, key: bytes, value: bytes) -> None:
        """Keep a record."""
        nth = slice_of(key)
        records = self._slices.get(nth)
        if records is None:
            records = self._slices[nth] = {}
        records[key] = value
        if is_open(value):
            self._open.add(key)
        elif self._open:
            self._open.discard(key)

    def get(self, key: bytes) -> bytes | None:
        """The record of a shopper who is taken into memory now, and not kept here any more."""
        self._open.discard(key)
        records = self._slices.get(slice_of(key))
        return records.pop(key, None) if records else None

    def keep(self, key: bytes, shopper: Shopper) -> None:
        """Keep somebody who is let go from memory."""
        self.put(key, encode_shopper(shopper))

    def remove(self, key: bytes) -> None:
        """Keep the record no more."""
        self.get(key)

    def renew(self, key: bytes) -> None:
        """Nothing of one who was forgotten stands here."""

    def write(self, changes: Iterable[Change], position: int) -> None:
        """Whoever was written is in memory, or was let go and stands here."""

    def slices(self, due: Collection[int]) -> Iterable[tuple[bytes, bytes]]:
        """Keys and records of some slices."""
        return [pair for records in among(self._slices, due) for pair in records.items()]

    def open_keys(self) -> Iterable[bytes]:
        """Of whom something is open."""
        return self._open

    def close(self) -> None:
        """There is nothing to close."""

    def __iter__(self) -> Iterator[bytes]:
        for records in self._slices.values():
            yield from records

    def __len__(self) -> int:
        return sum(len(records) for records in self._slices.values())

"""The disk of a replay: shoppers who were quiet for long lie there as bytes, so a longer log needs less memory.

It is the worker's store without the changelog: what is put there is the only copy, for as long as the run lasts.
"""

from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from schemas.shopper import Shopper, decode_shopper, encode_shopper
from streams.clock import WallClock
from streams.core.shoppers import SLICES, Change, Shoppers
from streams.table.rocksdb import Memory
from streams.table.store import Store, StoreFailed

_TOGETHER: Final = 1_024
"""So many changes are written at a time."""
_CACHE_BYTES: Final = 32 << 20
_WRITES_BYTES: Final = 32 << 20
"""Of all partitions of a process together: the system's own cache of files holds the rest, where there is room."""


class Disk:
    """A folder for the stores of one process, made when it is first needed. Use it as `with`."""

    def __init__(self) -> None:
        self._folder: TemporaryDirectory[str] | None = None
        self._memory: Memory | None = None
        self._stores: list[Store] = []

    def __enter__(self) -> "Disk":
        return self

    def __exit__(self, *_: object) -> None:
        for store in self._stores:
            with suppress(Exception):  # what RocksDB could not write any more goes with the folder
                store.close()
        if self._folder is not None:
            self._folder.cleanup()

    def store(self) -> Store:
        """A new store. Errors: `StoreFailed`."""
        try:
            self._folder = self._folder or TemporaryDirectory(prefix="kairos-replay-")
            self._memory = self._memory or Memory(_CACHE_BYTES, _WRITES_BYTES)
            folder = Path(self._folder.name) / str(len(self._stores))
            self._stores.append(Store(folder, self._memory, WallClock().now_ms))
        except Exception as error:  # RocksDB's errors are plain `Exception`s
            raise StoreFailed(f"expected to begin a store, got {error}") from error
        return self._stores[-1]


class Shelf:
    """The cold tier of one partition: a `Cold`, of which nothing is written until somebody is let go."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._opened: Store | None = None
        self._changes: dict[bytes, bytes | None] = {}

    def get(self, key: bytes) -> bytes | None:
        """The record of a shopper who is taken into memory now. It stays here, older, until it is put here again."""
        if key in self._changes:
            return self._changes[key]
        return None if self._opened is None else self._opened.get(key)

    def keep(self, key: bytes, shopper: Shopper) -> None:
        """Keep somebody who is let go from memory."""
        self._change(key, encode_shopper(shopper))

    def remove(self, key: bytes) -> None:
        """Keep the record no more."""
        if self._opened is not None or self._changes:
            self._change(key, None)

    def renew(self, key: bytes) -> None:
        """Whoever is in memory counts, whatever stands here."""

    def write(self, changes: Iterable[Change], position: int) -> None:
        """A replay has no transactions."""

    def slices(self, due: Collection[int]) -> Iterable[tuple[bytes, bytes]]:
        """Keys and records of some slices."""
        if self._changes:
            self._write()
        return () if self._opened is None else self._opened.slices(due)

    def open_keys(self) -> Iterable[bytes]:
        """Nobody of whom something is open is let go."""
        return ()

    def close(self) -> None:
        """The disk closes."""

    def __iter__(self) -> Iterator[bytes]:
        return (key for key, _ in self.slices(range(SLICES)))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _change(self, key: bytes, value: bytes | None) -> None:
        self._changes[key] = value
        if len(self._changes) >= _TOGETHER:
            self._write()

    def _write(self) -> None:
        self._opened = self._opened or self._disk.store()
        self._opened.write(self._changes.items(), -1)
        self._changes.clear()


def everybody(shoppers: Shoppers) -> Iterator[Shopper]:
    """All of them, at the end of a run: whoever lies on the disk is not taken into memory for that."""
    yield from shoppers.hot.values()
    for key, value in shoppers.cold.slices(range(SLICES)):
        if key not in shoppers.hot:
            yield decode_shopper(value)

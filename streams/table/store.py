"""The shopper table of one partition on local disk: the cold tier of its shoppers, and the snapshot for a restart.

What it holds is what the changelog holds up to a position, perhaps with more of what was committed behind it: reading
on from the position gives the table, however much of that is read a second time. It is never ahead of the changelog,
because it is told of a transaction after the commit only, records and position in one atomic batch. RocksDB's own log
is off: the changelog is that log. A process that dies loses the last batches from memory, and its position with them.

RocksDB checks what it reads. Whatever goes wrong ends the process, with a mark in the folder: the next start does not
trust what it finds there, and loads everything from the changelog.
"""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar, Final, NamedTuple

import msgspec
from rocksdict import Rdict, ReadOptions, WriteBatch

from schemas.shopper import META_KEY, Meta, Shopper, decode_glance, decode_meta, is_open
from streams.core.shoppers import Change, slice_of
from streams.exit_codes import ExitCode
from streams.table.rocksdb import Memory, options, unlogged

MARK: Final = "DAMAGED"
_BATCH: Final = 2_000
_FLUSH_EVERY_S: Final = 60.0
_ABOUT, _PLACE, _META = b"\xff\x01", b"\xff\x02", b"\xff\x03"
_OPEN: Final = b"\xf0"
"""Key spaces: two bytes of the slice (never above 0x0fff) and the shopper's key; an index of those with something open;
three records about the table. A slice is a range, so that it is read in one go."""


class About(msgspec.Struct, frozen=True, array_like=True):
    """Which table it is. `changelog` is the cluster's and the topic's id."""

    app_id: str
    partition: int
    changelog: str
    version: int = 1


class Place(NamedTuple):
    """The changelog offset to read on from, and the wall clock when that was true."""

    position: int
    at_ms: int


class StoreFailed(Exception):  # noqa: N818 (it tells what happened, as TransactionFailed does)
    """The local store cannot be read or written. End the process: the next start loads from the changelog."""

    exit_code: ClassVar[ExitCode] = ExitCode.STORE


class Store:
    """The table of a partition: a `Cold` for its shoppers. `apply` and `reached` are for who restores it."""

    def __init__(self, folder: Path, memory: Memory, now_ms: Callable[[], int]) -> None:
        """Open the folder, or begin a new one. `now_ms` is the wall clock. Errors: RocksDB's, plain `Exception`s."""
        self._folder, self._now_ms = folder, now_ms
        self._db = Rdict(str(folder), options(memory))
        self._unlogged = unlogged()
        self._batch, self._batched = WriteBatch(raw_mode=True), 0
        self._gone: set[bytes] = set()  # forgotten, and the deletion is not written yet
        self._open = {key[1:] for key, _ in self._range(_OPEN, b"\xf1")}
        self._flushed_s = time.monotonic()
        self._closed = False

    @property
    def shoppers(self) -> "Store":
        """The cold tier of this table."""
        return self

    @property
    def about(self) -> About | None:
        """Which table it is, None where that was never said. Raises `msgspec.DecodeError` on something else."""
        value = self._read(_ABOUT)
        return None if value is None else msgspec.msgpack.decode(value, type=About)

    @property
    def place(self) -> Place:
        """Up to where it is known to agree with the changelog. Raises `msgspec.DecodeError` on something else."""
        value = self._read(_PLACE)
        return Place(0, 0) if value is None else msgspec.msgpack.decode(value, type=Place)

    @property
    def position(self) -> int:
        """The changelog offset to read from."""
        return self.place.position

    @property
    def meta(self) -> Meta:
        """The meta record. Errors: as `decode_meta`."""
        value = self._read(_META)
        return Meta() if value is None else decode_meta(value)

    def begin(self, about: About) -> None:
        """Say which table it is, before anything is put into it."""
        self._batch.put(_ABOUT, msgspec.msgpack.encode(about))
        self.reached(0)
        self._guarded(lambda: self._db.flush(True))

    def apply(self, key: bytes, value: bytes | None) -> None:
        """Take over a record of the changelog. Errors: as `Restored.apply`; `StoreFailed`."""
        if value is not None:
            (decode_meta if key == META_KEY else decode_glance)(value)
        self._put(key, value)
        self._batched += 1
        if self._batched == _BATCH:
            self._write_batch()

    def reached(self, position: int) -> None:
        """All records before `position` were applied."""
        self._batch.put(_PLACE, msgspec.msgpack.encode(Place(position, self._now_ms())))
        self._write_batch()

    def get(self, key: bytes) -> bytes | None:
        """The record of a shopper."""
        return None if key in self._gone else self._read(_at(key))

    def keep(self, key: bytes, shopper: Shopper) -> None:
        """Let a shopper go whose record stands here since it was written."""

    def remove(self, key: bytes) -> None:
        """Show this shopper no more; the record goes with the write that says so."""
        self._gone.add(key)

    def renew(self, key: bytes) -> None:
        """One who was forgotten is back: no deletion will be written, but a record, which is to be shown."""
        self._gone.discard(key)

    def write(self, changes: Iterable[Change], position: int) -> None:
        """Take over what a transaction has committed. A `position` below 0 is not known: the one before holds on."""
        for key, value in changes:
            self._put(key, value)
        if position >= 0:
            self.reached(position)
        else:
            self._write_batch()
        now_s = time.monotonic()
        if now_s - self._flushed_s > _FLUSH_EVERY_S:
            self._flushed_s = now_s
            self._guarded(lambda: self._db.flush(False))

    def slices(self, due: Iterable[int]) -> Iterator[tuple[bytes, bytes]]:
        """Keys and records of some slices, but those that were forgotten."""
        for nth in due:
            for key, value in self._range(nth.to_bytes(2, "big"), (nth + 1).to_bytes(2, "big")):
                if key[2:] not in self._gone:
                    yield key[2:], value

    def open_keys(self) -> Iterable[bytes]:
        """Of whom something is open."""
        return self._open

    def close(self) -> None:
        """Write what is in memory to disk, and let the folder go."""
        if not self._closed:
            self._closed = True
            with contextlib.suppress(StoreFailed):  # the mark tells the next start
                self._guarded(lambda: self._db.flush(True))
            self._db.close()

    def __iter__(self) -> Iterator[bytes]:
        return (key[2:] for key, _ in self._range(b"\x00", b"\x10") if key[2:] not in self._gone)

    def __len__(self) -> int:
        """About how many shoppers stand here, as RocksDB estimates it."""
        return 0 if self._closed else int(self._db.property_int_value("rocksdb.estimate-num-keys") or 0)

    def _put(self, key: bytes, value: bytes | None) -> None:
        batch = self._batch
        if key == META_KEY:
            batch.put(_META, b"" if value is None else value)
            return
        opens = value is not None and is_open(value)
        if opens != (key in self._open):
            if opens:
                self._open.add(key)
                batch.put(_OPEN + key, b"")
            else:
                self._open.discard(key)
                batch.delete(_OPEN + key)
        if value is None:
            self._gone.discard(key)
            batch.delete(_at(key))
        else:
            batch.put(_at(key), value)

    def _write_batch(self) -> None:
        batch, self._batch, self._batched = self._batch, WriteBatch(raw_mode=True), 0
        self._guarded(lambda: self._db.write(batch, self._unlogged))

    def _read(self, at: bytes) -> bytes | None:
        try:
            value: bytes | None = self._db.get(at)
        except Exception as error:
            raise self._failed(error) from error
        return value

    def _range(self, start: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
        # Not `Rdict.items`, which ends at a damaged block as if nothing came after it.
        until = ReadOptions()
        until.set_iterate_upper_bound(end)
        rows = self._db.iter(until)
        rows.seek(start)
        while rows.valid():
            yield rows.key(), rows.value()
            rows.next()
        self._guarded(rows.status)

    def _guarded(self, call: Callable[[], Any]) -> None:
        try:
            call()
        except Exception as error:
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> StoreFailed:
        with contextlib.suppress(OSError):
            (self._folder / MARK).touch()
        return StoreFailed(
            f"expected to read and write {self._folder}, got {error}; this worker must end, and the next start loads "
            "the partition from its changelog; look at the disk: is it full, is it sound?"
        )


def _at(key: bytes) -> bytes:
    return slice_of(key).to_bytes(2, "big") + key

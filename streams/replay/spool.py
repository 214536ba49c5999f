"""Records on disk, by shopper: a run writes them as they come, and reads them back a bucket of shoppers at a time.

So what needs all of a shopper's log at once needs the memory of a bucket, however long the log is.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from struct import Struct
from typing import Final

import xxhash

BUCKETS: Final = 64
_LENGTH: Final = Struct("<I")


class Spool:
    """Writes the files of `folder`. Use it as `with`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._open = ExitStack()
        self._files = [self._open.enter_context((folder / str(nth)).open("xb")) for nth in range(BUCKETS)]

    def __enter__(self) -> "Spool":
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def put(self, shopper: bytes, record: bytes) -> None:
        """Write a record of a shopper."""
        self._files[xxhash.xxh3_64_intdigest(shopper) % BUCKETS].write(_LENGTH.pack(len(record)) + record)


def buckets(folder: Path) -> Iterator[Iterator[bytes]]:
    """The records of each bucket of a closed spool, in the order in which they were written."""
    return (_records((folder / str(nth)).read_bytes()) for nth in range(BUCKETS))


def _records(data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        (length,) = _LENGTH.unpack_from(data, at)
        at += _LENGTH.size + length
        yield data[at - length : at]

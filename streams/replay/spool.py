"""Records on disk, by shopper: a run writes them as they come, and reads them back a bucket of shoppers at a time.

So what needs all of a shopper's log at once needs the memory of a bucket, however long the log is.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from struct import Struct
from tempfile import TemporaryFile
from typing import Final

import xxhash

BUCKETS: Final = 64
_LENGTH: Final = Struct("<I")


class Spool:
    """Nameless files in `folder`, which go when this is closed or the process ends. Use it as `with`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._open = ExitStack()
        files = (TemporaryFile(dir=folder) for _ in range(BUCKETS))  # noqa: SIM115  the stack closes them
        self._files = [self._open.enter_context(file) for file in files]

    def __enter__(self) -> "Spool":
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def put(self, shopper: bytes, record: bytes) -> None:
        """Write a record of a shopper."""
        self._files[xxhash.xxh3_64_intdigest(shopper) % BUCKETS].write(_LENGTH.pack(len(record)) + record)

    def buckets(self) -> Iterator[Iterator[bytes]]:
        """The records of each bucket, in the order in which they were written. All of a shopper's are in one."""
        for file in self._files:
            file.seek(0)
            yield _records(file.read())


def _records(data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        (length,) = _LENGTH.unpack_from(data, at)
        at += _LENGTH.size + length
        yield data[at - length : at]

"""A recorded log as numbered lines: plain or gzip, streamed, and how far it has been read."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

import click

GZIP: Final = b"\x1f\x8b"


class UnreadableFile(click.ClickException):
    """A recorded log that cannot be read, or not to its end."""

    def __init__(self, path: Path, reason: object) -> None:
        super().__init__(f"cannot read {path}: {reason}; expected a recorded log, plain or gzip")


class LineFile:
    """The lines of one file. `position` and `size` are bytes of the file as it lies on the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.position = 0
        self.size = _size(path)

    def numbered(self) -> Iterator[tuple[int, bytes]]:
        """Each line with its number, the first is 1, without its line end. Raises `UnreadableFile`."""
        try:
            with self.path.open("rb") as raw:
                for number, line in enumerate(_lines(raw), 1):
                    self.position = raw.tell()
                    yield number, line.rstrip(b"\r\n")
        except (OSError, EOFError, zlib.error) as exc:
            raise UnreadableFile(self.path, getattr(exc, "strerror", None) or exc) from None

    def first(self) -> bytes:
        """The first line, empty for an empty file."""
        return next(self.numbered(), (0, b""))[1]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as exc:
        raise UnreadableFile(path, exc.strerror) from None


def _lines(raw: BinaryIO) -> Iterator[bytes]:
    packed = raw.read(len(GZIP)) == GZIP
    raw.seek(0)
    return iter(gzip.open(raw, "rb") if packed else raw)

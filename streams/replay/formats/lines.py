"""A recorded log as numbered lines: plain, gzip or Zstandard, streamed, and how far it has been read."""

import gzip
import zlib
from collections.abc import Callable, Iterator
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO, Final

import click

GZIP: Final = b"\x1f\x8b"
ZSTD: Final = b"\x28\xb5\x2f\xfd"
CHUNK: Final = 1 << 16
BUFFER: Final = 1 << 20
TOLD_EVERY: Final = 256
"""The position is looked at again after so many lines, a power of two."""


class UnreadableFile(click.ClickException):
    """A recorded log that cannot be read, or not to its end."""

    def __init__(self, path: Path | str, reason: object) -> None:
        super().__init__(f"cannot read {path}: {reason}; expected a recorded log, plain, gzip or zstd")


class LineFile:
    """The lines of one file. `position` and `size` are bytes of the file as it lies on the disk.

    `number` is that of the line that was read last, the first is 1.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.position = self.number = 0
        self.size = _size(path)

    def numbered(self) -> Iterator[tuple[int, bytes]]:
        """Each line with its number, the first is 1, without its line end. Raises `UnreadableFile`."""
        try:
            with self.path.open("rb", buffering=BUFFER) as raw:
                for number, line in enumerate(_lines(raw, self.path), 1):
                    self.number = number
                    if not number & TOLD_EVERY - 1:
                        self.position = raw.tell()
                    yield number, line.rstrip(b"\r\n")
                self.position = raw.tell()
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


def _lines(raw: BinaryIO, path: Path) -> Iterator[bytes]:
    begins = raw.read(len(ZSTD))
    raw.seek(0)
    if begins.startswith(GZIP):
        return iter(BufferedReader(gzip.open(raw, "rb"), BUFFER))  # its own lines come through Python, one by one
    return _zstd_lines(raw, path) if begins == ZSTD else iter(raw)


def _zstd_lines(raw: BinaryIO, path: Path) -> Iterator[bytes]:
    try:
        import zstandard  # noqa: PLC0415  an extra
    except ModuleNotFoundError:
        raise UnreadableFile(path, "it is packed with zstd; pip install -e '.[replay]' for that") from None
    rest = b""
    try:
        for unpacked in _unpacked(raw, zstandard.ZstdDecompressor().decompressobj):
            *lines, rest = (rest + unpacked).split(b"\n")
            yield from lines
    except zstandard.ZstdError as exc:
        raise UnreadableFile(path, exc) from None
    if rest:
        yield rest


def _unpacked(raw: BinaryIO, new_frame: Callable[[], Any]) -> Iterator[bytes]:
    """What is in the frames of a file. Raises `EOFError` where the last one is cut off."""
    frame = None
    while packed := raw.read(CHUNK):
        while packed:
            frame = frame or new_frame()
            yield frame.decompress(packed)
            packed, frame = (frame.unused_data, None) if frame.eof else (b"", frame)
    if frame is not None:
        msg = "the file ended before its last frame did"
        raise EOFError(msg)

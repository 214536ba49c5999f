"""A timeline as Parquet, read by DuckDB: as many rows at a time as fit into a little memory."""

from pathlib import Path
from tempfile import gettempdir
from typing import Any, Final

from streams.replay.books import Books, unreadable
from streams.replay.formats.lines import UnreadableFile
from streams.replay.logs import ParquetLog
from streams.replay.reading import Order, Records
from streams.replay.share import Share
from streams.replay.sort import require_duckdb
from streams.replay.tally import Row
from streams.replay.timeline import Logged

MAGIC: Final = b"PAR1"
ROWS: Final = 4_096
_QUERY: Final = """
SELECT partition, "offset", at_ms, key, value FROM read_parquet(?) WHERE partition % ? = ? ORDER BY "offset"
"""


class ParquetReading:
    """The rows of this share, by offset. Raises `UnreadableFile`, and `SorterMissing` without DuckDB."""

    def __init__(self, log: ParquetLog, share: Share, books: Books) -> None:
        require_duckdb("a timeline in Parquet")
        import duckdb  # noqa: PLC0415  an extra

        self._files, self._share, self._books = log.files, share, books
        self._database, self._failures = duckdb.connect(), duckdb.Error
        self._read, self._rows = 0, 1

    def records(self) -> Records:
        """A row that is no record, or whose offset is not beyond the one before it, is refused."""
        order = Order()
        for row in self._fetched():
            self._read += 1
            try:
                partition, record = _record(*row)
                order.check(partition, record)
            except (ValueError, TypeError) as reason:  # msgspec's errors are ValueErrors; TypeError: a null
                where = f"{Path(self._files[0]).parent.name or '.'} partition {row[0]} offset {row[1]}"
                self._books.refuse(row[0] or 0, Row((row[1] or 0, row[0] or 0), where), unreadable(reason))
                continue
            yield partition, record

    def done(self) -> float:
        """By the rows of this share."""
        return min(1.0, self._read / self._rows)

    def _fetched(self) -> Any:
        try:
            self._database.execute("SET memory_limit='512MB'; SET threads=1; SET enable_progress_bar=false")
            self._database.execute("SET temp_directory=?", [str(Path(gettempdir()) / "kairos-replay")])
            count = "SELECT count(*) FROM read_parquet(?)"
            self._rows = max(1, self._database.execute(count, [list(self._files)]).fetchall()[0][0] // self._share.of)
            found = self._database.execute(_QUERY, [list(self._files), self._share.of, self._share.nth])
            while rows := found.fetchmany(ROWS):
                yield from rows
        except self._failures as exc:
            raise UnreadableFile(self._files[0], str(exc).partition("\n")[0]) from None


def _record(partition: int, offset: int, at_ms: int, key: Any, value: Any) -> tuple[int, Logged]:
    key = key.encode() if isinstance(key, str) else key
    return partition, Logged(offset, key, bytes(value), at_ms)

"""Arrivals in the order of time, sorted on disk by DuckDB, in memory that does not grow with them."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import click

from streams.feed import Arrival
from streams.replay.formats.bad_line import source_of
from streams.simulator.log import arrival_line

MEMORY_LIMIT: Final = "512MB"
_LONGEST_LINE: Final = 64 << 20
_COLUMNS: Final = "{'at_ms': 'BIGINT', 'place': 'BIGINT', 'line': 'VARCHAR'}"
_PLAIN: Final = "DELIM '\\t', QUOTE '', ESCAPE '', HEADER false"
"""JSON has no tab and no line end in it, so nothing needs quotes."""


class SorterMissing(click.ClickException):
    """DuckDB is not installed."""

    def __init__(self, need: str) -> None:
        super().__init__(f"{need} needs DuckDB, which is not installed: pip install -e '.[replay]'")


def require_duckdb(need: str) -> None:
    """Raises `SorterMissing` where there is no DuckDB; `need` says what needs it."""
    try:
        import duckdb  # noqa: F401, PLC0415  an extra
    except ModuleNotFoundError:
        raise SorterMissing(need) from None


def sort_to(path: Path, arrivals: Iterable[Arrival], tell: Callable[[int], None] = lambda _: None) -> None:
    """Write the arrivals in the order of time to a new file, of the form that `kairos simulate` writes.

    Those of the same time keep their order. One without a time goes with the one before it. `tell` hears now and
    then how many were read. Raises `SorterMissing`.
    """
    require_duckdb("a log that is not in the order of time")
    unsorted = path.with_suffix(".unsorted")
    now_ms = -1
    with unsorted.open("wb") as file:
        for place, arrival in enumerate(arrivals):
            now_ms = arrival.at_ms if arrival.at_ms >= 0 else now_ms
            file.write(b"%d\t%d\t%s\n" % (now_ms, place, arrival_line(arrival, source_of(arrival))))
            if place % 1_024 == 0:
                tell(place)
    _sort(unsorted, path)
    unsorted.unlink()


def _sort(unsorted: Path, path: Path) -> None:
    import duckdb  # noqa: PLC0415

    with duckdb.connect() as database:
        database.execute(f"SET memory_limit='{MEMORY_LIMIT}'; SET threads=2")
        database.execute("SET temp_directory=?", [str(path.with_suffix(".spill"))])
        database.execute("SET enable_progress_bar=false")
        database.execute(
            f"COPY (SELECT line FROM read_csv(?, columns={_COLUMNS}, auto_detect=false, max_line_size={_LONGEST_LINE},"
            f" {_as_arguments(_PLAIN)}) ORDER BY at_ms, place) TO '{_quoted(path)}' (FORMAT csv, {_PLAIN})",
            [str(unsorted)],
        )


def _as_arguments(options: str) -> str:
    return ", ".join(option.replace(" ", "=", 1) for option in options.split(", "))


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")

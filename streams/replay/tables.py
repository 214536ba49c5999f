"""The files of a replay as DuckDB tables. A table that has no file has no rows, and still all columns that matter."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from streams.replay.topic_files import OUTCOMES

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

_COLUMNS: Final = {
    "decision_id": "VARCHAR", "user_id": "VARCHAR", "cause": "VARCHAR", "episode": "VARCHAR", "cart_id": "VARCHAR",
    "asked": "VARCHAR", "at_ms": "BIGINT", "action": "VARCHAR", "outcome": "VARCHAR", "suppressed": "VARCHAR",
    "intervention_id": "VARCHAR", "mode": "VARCHAR", "abandon_30m": "DOUBLE", "purchase_24h": "DOUBLE",
    "cart_abandoned": "BOOLEAN", "cart_ended_after_ms": "BIGINT", "bought_24h": "BOOLEAN", "bought_after_ms": "BIGINT",
}  # fmt: skip
"""Of the outcomes: said here, for a column in which nothing is known yet has no type of its own."""
_LINES: Final = "format='newline_delimited', maximum_object_size=67108864"


def records(database: "DuckDBPyConnection", folder: Path, topics: Sequence[str]) -> "DuckDBPyRelation":
    """The records that a replay told on these topics."""
    files = files_of(folder, topics)
    if not files:
        return database.sql("SELECT NULL AS nothing WHERE false")
    reader = f"read_json(?, {_LINES}, union_by_name=true)"
    return database.sql(f"SELECT unnest(record) FROM {reader}", params=[files])


def outcomes(database: "DuckDBPyConnection", folder: Path) -> "DuckDBPyRelation":
    """What came of each decision."""
    files = files_of(folder, (OUTCOMES,))
    if not files:
        columns = ", ".join(f"NULL::{kind} AS {name}" for name, kind in _COLUMNS.items())
        return database.sql(f"SELECT {columns} WHERE false")
    columns = ", ".join(f"{name}: '{kind}'" for name, kind in _COLUMNS.items())
    return database.sql(
        f"SELECT * FROM read_json(?, format='newline_delimited', columns={{{columns}}})", params=[files]
    )


def files_of(folder: Path, topics: Sequence[str]) -> list[str]:
    """The files of these topics, in a fixed order."""
    return [str(path) for topic in topics for path in sorted((folder / topic).glob("*.jsonl"))]

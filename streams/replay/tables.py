"""The files of a replay as DuckDB tables. A table that has no file has no rows, and still all columns that matter."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from schemas.topics import INTERVENTIONS, SUPPRESSED
from streams.replay.topic_files import OUTCOMES, SAMPLE

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

_OUTCOMES: Final = {
    "decision_id": "VARCHAR", "user_id": "VARCHAR", "cause": "VARCHAR", "episode": "VARCHAR", "cart_id": "VARCHAR",
    "asked": "VARCHAR", "at_ms": "BIGINT", "action": "VARCHAR", "outcome": "VARCHAR", "suppressed": "VARCHAR",
    "intervention_id": "VARCHAR", "mode": "VARCHAR", "abandon_30m": "DOUBLE", "purchase_24h": "DOUBLE",
    "cart_abandoned": "BOOLEAN", "cart_ended_after_ms": "BIGINT", "bought_24h": "BOOLEAN", "bought_after_ms": "BIGINT",
}  # fmt: skip
"""Said here, for a column in which nothing is known yet has no type of its own."""
_REASON: Final = "STRUCT(feature VARCHAR, value DOUBLE, contribution DOUBLE)"
_TOLD: Final = {
    "record": "STRUCT(intervention_id VARCHAR, retracts VARCHAR, retracted_at VARCHAR, name VARCHAR, reason VARCHAR, "
    f"target STRUCT(id VARCHAR), decision STRUCT(reasons {_REASON}[]))"
}
_EVENT: Final = (
    "STRUCT(at_ms BIGINT, event VARCHAR, products VARCHAR[], cart_id VARCHAR, order_id VARCHAR, query VARCHAR)"
)
_SAMPLE: Final = {"user_id": "VARCHAR", "left_out": "BIGINT", "events": f"{_EVENT}[]"}
_LINES: Final = f"format='newline_delimited', maximum_object_size={16 << 20}"
"""A line is no longer than a message may be; DuckDB takes twice that for each thread."""


def records(database: "DuckDBPyConnection", folder: Path, topics: Sequence[str]) -> "DuckDBPyRelation":
    """The records that a replay told on these topics, with all their fields."""
    files = files_of(folder, topics)
    if not files:
        return database.sql("SELECT NULL AS nothing WHERE false")
    reader = f"read_json(?, {_LINES}, union_by_name=true)"
    return database.sql(f"SELECT unnest(record) FROM {reader}", params=[files])


def outcomes(database: "DuckDBPyConnection", folder: Path) -> "DuckDBPyRelation":
    """What came of each decision."""
    return _typed(database, files_of(folder, (OUTCOMES,)), _OUTCOMES)


def interventions(database: "DuckDBPyConnection", folder: Path) -> "DuckDBPyRelation":
    """What was sent, held back and taken back: the fields of the records that a report needs."""
    topics = [topic.name for topic in (SUPPRESSED, *INTERVENTIONS.values())]
    return _typed(database, files_of(folder, topics), _TOLD).select("unnest(record)")


def sample(database: "DuckDBPyConnection", folder: Path) -> "DuckDBPyRelation":
    """The shoppers whose events were kept, see `streams/replay/sample.py`."""
    return _typed(database, files_of(folder, (SAMPLE,)), _SAMPLE)


def _typed(database: "DuckDBPyConnection", files: list[str], columns: Mapping[str, str]) -> "DuckDBPyRelation":
    if not files:
        nothing = ", ".join(f"NULL::{kind} AS {name}" for name, kind in columns.items())
        return database.sql(f"SELECT {nothing} WHERE false")
    named = ", ".join(f"{name}: '{kind}'" for name, kind in columns.items())
    return database.sql(f"SELECT * FROM read_json(?, {_LINES}, columns={{{named}}})", params=[files])


def files_of(folder: Path, topics: Sequence[str]) -> list[str]:
    """The files of these topics, in a fixed order."""
    return [str(path) for topic in topics for path in sorted((folder / topic).glob("*.jsonl"))]

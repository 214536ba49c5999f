"""The table of carts: one row for each cart session as it stood `k` events after its first add-to-cart."""

from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
from pyarrow import ArrowInvalid

FILE: Final = "prefixes.parquet"
MEASURED: Final = (
    "view_count",
    "addtocart_count",
    "unique_items_count",
    "view_to_cart_ratio",
    "seconds_since_first_event",
    "seconds_since_first_cart",
    "seconds_since_last_cart",
    "seconds_since_previous_event",
    "inter_event_interval_mean",
    "events_after_cart",
    "repeated_views_of_cart_items",
    "hour_of_day",
    "day_of_week",
)
"""What was known at the snapshot, as the published models saw it. No other column but the keys and `y` is read."""
_KEYS: Final = ("session_key", "visitorid", "cutoff_k", "y")

Column = npt.NDArray[Any]


class Carts(NamedTuple):
    """The columns, one entry for each snapshot. `measured` has shape (N, 13), NaN where a value is not known.

    `session_key` is the visitor and the number of his session, joined by an underscore. `bought`: a transaction came
    later in the session.
    """

    session_key: Column
    visitor: Column
    k: Column
    measured: Column
    bought: Column


def read_carts(folder: Path) -> Carts:
    """The carts of a folder in the layout of `retailrocket-carts`.

    Raises `ValueError` where the file is missing, is no parquet file, lacks a column, or holds no yes and no.
    """
    path = folder / FILE
    if not path.is_file():
        msg = f"expected {FILE} in {folder}, got no such file; give a folder in the layout of retailrocket-carts"
        raise ValueError(msg)
    columns = _columns(path)
    outcome = columns["y"]
    if set(np.unique(outcome)) != {0, 1}:
        msg = f"expected 0 and 1 in the column y of {path}, got {np.unique(outcome)[:5].tolist()}"
        raise ValueError(msg)
    return Carts(
        columns["session_key"].astype(str),
        columns["visitorid"],
        columns["cutoff_k"],
        np.column_stack([columns[name].astype(np.float64) for name in MEASURED]),
        outcome.astype(bool),
    )


def _columns(path: Path) -> dict[str, Column]:
    try:
        file = pq.ParquetFile(path)
        missing = [name for name in (*_KEYS, *MEASURED) if name not in file.schema_arrow.names]
        if missing:
            msg = f"expected the columns {', '.join(missing)} in {path}, got {', '.join(file.schema_arrow.names)}"
            raise ValueError(msg)
        table = file.read(columns=[*_KEYS, *MEASURED])
    except ArrowInvalid as error:
        msg = f"expected a parquet file, got {path}: {str(error).splitlines()[0]}"
        raise ValueError(msg) from error
    return {name: table[name].to_numpy() for name in (*_KEYS, *MEASURED)}
